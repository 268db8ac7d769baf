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

    def __init__(self, editor: Editor, root: Path, data: Path) -> None:
        self.editor, self.root, self.data = editor, root, data
        self.uri = (root / "app.py").as_uri()
        (root / "app.py").write_text(TEXT)
        folders = [{"uri": root.as_uri(), "name": root.name}]
        editor.initialize(CAPABILITIES, workspaceFolders=folders)
        editor.open(TEXT, self.uri)
        editor.inline(0, 0, self.uri)  # so that the model is loaded

    def actions(self, *only: str) -> list[dict[str, Any]]:
        place = {"line": 1, "character": 20}
        context = {"diagnostics": [], "only": list(only)}
        params = {"textDocument": {"uri": self.uri}, "range": {"start": place, "end": place}, "context": context}
        return list(self.editor.ask("textDocument/codeAction", params))

    def resolve_fix(self) -> dict[str, Any]:
        """The reply to choosing the fix that is not proven yet."""
        (action,) = (each for each in self.actions("quickfix") if "edit" not in each)
        return self.editor.reply(self.editor.request("codeAction/resolve", action))

    def answer(self, choice: str | None) -> str:
        """Answer the server's question; its words."""
        question = self.editor.question("window/showMessageRequest")
        self.editor.send(id=question["id"], result=choice and {"title": choice})
        return str(question["params"]["message"])


@pytest.fixture
def talk(process: StartProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Talk]:
    """Starts a server whose user chose the server at a URL."""

    def start(url: str, **fields: Any) -> Talk:
        data, root = tmp_path / "data", tmp_path / "project"
        monkeypatch.setenv("DEVSTRAL_LS_DATA", str(data))
        root.mkdir()
        if url:
            choice.save(data, choice.remote_of({"url": url, "model": "big", **fields}))
        editor, _ = process(said={"return": " 1"})
        return Talk(editor, root, data)

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
        bait |= {"model": stage.url, "socket": "/bait", "infill": "suffix", "allow": True}
        (speaker.root / "remote.json").write_text(json.dumps({"url": stage.url, "model": "big"}))
        (speaker.root / ".devstral").mkdir()
        (speaker.root / ".devstral" / "remote.json").write_text(json.dumps({"url": stage.url, "model": "big"}))
        speaker.editor.notify("workspace/didChangeConfiguration", {"settings": {"devstral": bait}})
        assert "nothing could be proven" in speaker.resolve_fix()["error"]["message"]
        assert [] == speaker.actions("refactor.explain")
        assert [] == stage.received
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
