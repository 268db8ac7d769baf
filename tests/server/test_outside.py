"""A remote model behind a language server: who is asked, what leaves, what comes back, what no workspace can do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from editor import Editor
from hostile import answers, on_stage
from server_fixtures import StartProcess

from devstral_ls.remote import choice, consent
from devstral_ls.remote.sent import read_log
from devstral_ls.server.capabilities import STATUS
from devstral_ls.server.outside import ALLOW, REFUSE, SEND

CAPABILITIES = {"textDocument": {"codeAction": {"resolveSupport": {"properties": ["edit"]}}}}
TEXT = "def area(width, height):\n    return width * heigth_of_it\n"
FIXED = "```\ndef area(width, height):\n    return width * height\n```"
REQUEST_FAILED = -32803


class Talk:
    """One editor, one server process with its data folder, one open document."""

    def __init__(self, editor: Editor, root: Path, data: Path, text: str, name: str, *, is_trusted: bool) -> None:
        self.editor, self.root, self.data = editor, root, data
        self.uri = (root / name).as_uri()
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
        folders = [{"uri": root.as_uri(), "name": root.name}]
        options = {"trusted_folders": [str(root)] if is_trusted else []}
        editor.initialize(CAPABILITIES, workspaceFolders=folders, initializationOptions=options)
        editor.open(text, self.uri)
        editor.inline(0, 0, self.uri)  # so that the model is loaded

    def allow(self) -> None:
        """The user has said yes."""
        remote = choice.load(self.data)
        assert remote is not None
        consent.give(self.data, self.root, remote, consent.Answer.ALLOWED)

    def actions(
        self, *only: str, line: int = 1, character: int = 20, said: tuple[dict[str, Any], ...] = ()
    ) -> list[dict[str, Any]]:
        place = {"line": line, "character": character}
        context = {"diagnostics": list(said), "only": list(only)}
        params = {"textDocument": {"uri": self.uri}, "range": {"start": place, "end": place}, "context": context}
        return list(self.editor.ask("textDocument/codeAction", params))

    def resolve_fix(self) -> dict[str, Any]:
        """The reply to choosing the fix that is not proven yet."""
        (action,) = (each for each in self.actions("quickfix") if "edit" not in each)
        return self.editor.reply(self.editor.request("codeAction/resolve", action))

    def chosen(self, kind: str) -> dict[str, Any]:
        """The reply to choosing the only action of a kind on the first line."""
        (action,) = self.actions(kind, line=0, character=4)
        return self.editor.reply(self.editor.request("codeAction/resolve", action))

    def answer(self, choice: str | None) -> str:
        """Answer the server's question; its words."""
        question = self.editor.question("window/showMessageRequest")
        self.editor.send(id=question["id"], result=choice and {"title": choice})
        return str(question["params"]["message"])


@pytest.fixture
def talk(process: StartProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Talk]:
    """Starts a server whose user chose the server at a URL."""

    def start(url: str, *, text: str = TEXT, name: str = "app.py", is_trusted: bool = True, **fields: Any) -> Talk:
        data, root = tmp_path / "data", tmp_path / "project"
        monkeypatch.setenv("DEVSTRAL_LS_DATA", str(data))
        root.mkdir()
        if url:
            choice.save(data, choice.remote_of({"url": url, "model": "big", **fields}))
        editor, _ = process(said={"return": " 1"})
        return Talk(editor, root, data, text, name, is_trusted=is_trusted)

    return start


def test_consent_is_asked_for_once_and_a_fix_comes_back(talk: Callable[..., Talk]) -> None:
    """The first choice asks, the second one is proven by our checkers, and revoking holds at once."""
    with on_stage(answers(FIXED)) as stage:
        speaker = talk(stage.url)
        host = f"127.0.0.1:{stage.port}"
        refused = speaker.resolve_fix()["error"]
        assert (REQUEST_FAILED, True) == (refused["code"], host in refused["message"])
        assert "never while you type" in speaker.answer(ALLOW)
        resolved = speaker.resolve_fix()["result"]
        assert f"as {host} writes it · verified by ruff" in resolved["title"]
        (edits,) = resolved["edit"]["changes"].values()
        assert "    return width * height\n" == edits[0]["newText"]
        (sending,) = read_log(speaker.data)
        assert (stage.received, "fix", "app.py") == ([sending.content], sending.why, sending.document)
        remote = choice.load(speaker.data)
        assert remote is not None
        consent.give(speaker.data, speaker.root, remote, consent.Answer.REFUSED)
        assert "nothing could be proven" in speaker.resolve_fix()["error"]["message"]
        assert 1 == len(stage.received)


def test_a_no_is_kept(talk: Callable[..., Talk]) -> None:
    """Nothing leaves, and the menu speaks of it no more."""
    with on_stage(answers(FIXED)) as stage:
        speaker = talk(stage.url)
        assert [f"Explain this: ask 127.0.0.1:{stage.port}"] == [
            each["title"] for each in speaker.actions("refactor.explain")
        ]
        speaker.resolve_fix()
        speaker.answer(REFUSE)
        assert "nothing could be proven" in speaker.resolve_fix()["error"]["message"]
        assert [] == speaker.actions("refactor.explain")
        assert [] == stage.received


def test_a_preview_shows_the_text_each_time(talk: Callable[..., Talk]) -> None:
    """What is approved is sent once, and it is what was shown."""
    with on_stage(answers(FIXED)) as stage:
        speaker = talk(stage.url, preview=True)
        remote = choice.load(speaker.data)
        assert remote is not None
        consent.give(speaker.data, speaker.root, remote, consent.Answer.ALLOWED)
        for n_sent in (1, 2):
            assert "look at what would go" in speaker.resolve_fix()["error"]["message"]
            shown = speaker.answer(SEND)
            assert "edit" in speaker.resolve_fix()["result"]
            assert n_sent == len(stage.received)
            assert json.loads(stage.received[-1].partition(b"\r\n\r\n")[2])["messages"][1]["content"] in shown


def test_a_place_is_explained(talk: Callable[..., Talk]) -> None:
    """The words are shown, and are the command's result."""
    with on_stage(answers("It computes an area.")) as stage:
        speaker = talk(stage.url)
        remote = choice.load(speaker.data)
        assert remote is not None
        consent.give(speaker.data, speaker.root, remote, consent.Answer.ALLOWED)
        (action,) = speaker.actions("refactor.explain")
        words = speaker.editor.ask("workspace/executeCommand", action["command"])
        assert f"It computes an area.\n— 127.0.0.1:{stage.port}, not verified" == words
        assert words == speaker.editor.notification("window/showMessage")["message"]


BRANCHES = "def is_big(n):\n    if n > 10:\n        return True\n    else:\n        return False\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("```\ndef is_big(n):\n    return n > 10\n```", "    return n > 10\n"),
        ("```\ndef is_big(n, limit):\n    return n > limit\n```", None),  # another function
        ("```\ndef is_big(n):\n    return n > ten\n```", None),  # the checkers object
        ("It is simple already.", None),
    ],
)
def test_a_function_is_simplified_elsewhere(talk: Callable[..., Talk], said: str, expected: str | None) -> None:
    """Where the model at hand follows no instructions: what comes back is the same function, shorter and clean."""
    with on_stage(answers(said)) as stage:
        speaker = talk(stage.url, text=BRANCHES)
        assert "may be asked, and choose this again" in speaker.chosen("refactor.rewrite.simplify")["error"]["message"]
        speaker.answer(ALLOW)
        reply = speaker.chosen("refactor.rewrite.simplify")
        (sending,) = read_log(speaker.data)
        assert (stage.received, "simplification") == ([sending.content], sending.why)
        if expected is None:
            assert "nothing could be proven" in reply["error"]["message"]
        else:
            (edits,) = reply["result"]["edit"]["changes"].values()
            assert expected in "".join(each["newText"] for each in edits)
            assert f"as 127.0.0.1:{stage.port} writes it" in reply["result"]["title"]


WANTS_WORDS = "def shout(word):\n    return word.upper() + '!'\n"


def test_a_test_is_called_as_a_remote_model_would(talk: Callable[..., Talk]) -> None:
    """Nothing here says what it takes: the calls come from elsewhere, what they return is found out here."""
    marks = "```python\nshout('a')\nshout(__import__('os').getcwd())\nassert shout('') == 'wrong'\n```"
    with on_stage(answers(marks)) as stage:
        speaker = talk(stage.url, text=WANTS_WORDS)
        (speaker.root / "test_app.py").touch()  # an editor that makes no files is here
        speaker.allow()
        reply = speaker.chosen("refactor.rewrite.test")
        assert "result" in reply, reply
        assert f"called as 127.0.0.1:{stage.port} would" in reply["result"]["title"]
        written = json.dumps(reply["result"]["edit"])
        assert "shout('a') == 'A!'" in written.replace('\\"', "'")
        assert "shout('') == '!'" in written.replace('\\"', "'")
        assert "getcwd" not in written
        assert ["test"] == [each.why for each in read_log(speaker.data)]


DOCUMENTED = 'def shout(word):\n    """Loudly.\n\n    >>> shout("a")\n    \'A\'\n    """\n    return word.upper()\n'


def test_calls_that_could_not_be_made_are_not_asked_for(talk: Callable[..., Talk]) -> None:
    """In a folder that its user does not trust nothing runs, so a reply would be for nothing."""
    with on_stage(answers("```\nshout('b')\n```")) as stage:
        speaker = talk(stage.url, text=DOCUMENTED, is_trusted=False)
        (speaker.root / "test_app.py").write_text("from app import shout\n\n\nassert shout('a') == 'A'\n")
        speaker.allow()
        assert "no test of shout" in speaker.chosen("refactor.rewrite.test")["error"]["message"]
        assert [] == stage.received


SECRET = "ghp_" + "A1b2C3d4" * 4 + "E5f6"
TRAPPED = f"""\
import os
password = "hunter2"
os.environ["AWS_SECRET_ACCESS_KEY"] = "tiny-secret"
origin = "https://ada:lovelace@git.example.com/a.git"
print(undefined_{SECRET})
"""


def test_a_red_team_finds_nothing_in_the_bytes(talk: Callable[..., Talk]) -> None:
    """Secrets in the file, its name, a diagnostic, git's remotes, and what else lies in the folder."""
    with on_stage(answers("No idea.")) as stage:
        speaker = talk(stage.url, text=TRAPPED, name=f"{SECRET}/app.py")
        speaker.allow()
        (speaker.root / ".git").mkdir()
        (speaker.root / ".git" / "config").write_text('[remote "origin"]\n\turl = https://x:remote-pw@corp.example/a\n')
        (speaker.root / ".env").write_text("KEY=of-the-environment\n")
        span = {"start": {"line": 4, "character": 6}, "end": {"line": 4, "character": 12}}
        words = f"F821 Undefined name, see {speaker.root}/x, token {SECRET}"
        told = {"range": span, "message": words, "source": "ruff", "code": "F821"}
        for action in speaker.actions("quickfix", line=4, character=6, said=(told,)):
            speaker.editor.reply(speaker.editor.request("codeAction/resolve", action))
        (explain,) = speaker.actions("refactor.explain", line=4, character=6)
        speaker.editor.reply(speaker.editor.request("workspace/executeCommand", explain["command"]))
        assert {"fix", "explanation"} == {each.why for each in read_log(speaker.data)}
        sent = b"".join(stage.received).decode()
        assert sent == b"".join(each.content for each in read_log(speaker.data)).decode()
        secrets = (SECRET, "hunter2", "tiny-secret", "lovelace", "remote-pw", "corp.example", "of-the-environment")
        names = (str(speaker.root), str(Path.home()), speaker.root.name + "/")
        assert [] == [each for each in (*secrets, *names) if each in sent]


def test_typing_never_leaves(talk: Callable[..., Talk]) -> None:
    """Whatever was allowed."""
    with on_stage(answers("x")) as stage:
        speaker = talk(stage.url)
        remote = choice.load(speaker.data)
        assert remote is not None
        consent.give(speaker.data, speaker.root, remote, consent.Answer.ALLOWED)
        speaker.editor.inline(1, 10, speaker.uri)
        speaker.actions()
        assert [] == stage.received
        told = [each["params"]["message"] for each in speaker.editor.notifications if each["method"] == STATUS]
        assert f"typing stays on this machine; 127.0.0.1:{stage.port} may be asked for more" in told


def test_a_workspace_cannot_choose(talk: Callable[..., Talk]) -> None:
    """Neither its settings, nor initialization options, nor a file of ours in its folder."""
    with on_stage(answers(FIXED)) as stage:
        speaker = talk("")
        bait = {"url": stage.url, "model": "big", "remote": stage.url, "remote_url": stage.url, "key": "env:HOME"}
        bait |= {"model": stage.url, "socket": "/bait", "infill": "suffix", "allow": True, "share_engine": True}
        bait |= {"checkers": [{"name": "bait", "command": ["touch", str(speaker.root / "ran")]}], "runtime": "/bait"}
        (speaker.root / "remote.json").write_text(json.dumps({"url": stage.url, "model": "big"}))
        (speaker.root / ".devstral").mkdir()
        (speaker.root / ".devstral" / "remote.json").write_text(json.dumps({"url": stage.url, "model": "big"}))
        speaker.editor.notify("workspace/didChangeConfiguration", {"settings": {"devstral": bait}})
        assert "nothing could be proven" in speaker.resolve_fix()["error"]["message"]
        assert [] == speaker.actions("refactor.explain")
        assert [] == stage.received
        assert "is_shared" not in speaker.editor.ask("devstral/metrics", {})
        assert not (speaker.root / "ran").exists()
        assert {"suggestions.sqlite3"} >= {
            path.name for path in speaker.data.glob("*.*") if "sqlite3-" not in path.name
        }


def test_files_that_stay_are_not_sent(talk: Callable[..., Talk]) -> None:
    """An ignored file is one that nobody may be asked about; the reason is said."""
    with on_stage(answers(FIXED)) as stage:
        speaker = talk(stage.url)
        remote = choice.load(speaker.data)
        assert remote is not None
        consent.give(speaker.data, speaker.root, remote, consent.Answer.ALLOWED)
        (speaker.root / ".devstralignore").write_text("app.py\n")
        assert "app.py stays here: it is ignored" == speaker.resolve_fix()["error"]["message"]
        assert [] == stage.received


def test_answers_that_others_could_write_allow_nothing(talk: Callable[..., Talk]) -> None:
    """Everything else still works."""
    with on_stage(answers(FIXED)) as stage:
        speaker = talk(stage.url)
        remote = choice.load(speaker.data)
        assert remote is not None
        consent.give(speaker.data, speaker.root, remote, consent.Answer.ALLOWED)
        (speaker.data / consent.FILE_NAME).chmod(0o666)
        assert "nothing could be proven" in speaker.resolve_fix()["error"]["message"]
        assert [] == stage.received
