"""`devstral-ls remote …` and `explain --remote`: choose, allow, ask, look, revoke."""

import json
from pathlib import Path

import pytest
from cli_fixtures import Ran, run_command
from hostile import EVENTS, answers, events, on_stage, says

KEY = "key-of-a-test-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A user without any data, and a key in the environment."""
    return {"DEVSTRAL_LS_DATA": str(tmp_path / "data"), "REMOTE_KEY": KEY}


def write_project(folder: Path) -> Path:
    (folder / "project").mkdir()
    (folder / "project" / "pyproject.toml").write_text("")
    file = folder / "project" / "app.py"
    file.write_text('password = "hunter2"\n\n\ndef area(width):\n    return width * width\n')
    return file


def test_from_a_choice_to_its_end(tmp_path: Path, home: dict[str, str]) -> None:
    """Each step that a user takes, and the bytes that the server saw are the bytes that the log shows."""
    file = write_project(tmp_path)

    def told(*arguments: str | Path) -> Ran:
        return run_command(*arguments, environment=home)

    spot = f"{file}:4:5"
    assert (
        "no remote server is chosen; choose one with `devstral-ls remote use`"
        == told("explain", spot, "--remote").complaint
    )
    with on_stage(answers("It squares a width.")) as stage:
        used = told("remote", "use", stage.url, "--model", "big", "--key", "env:REMOTE_KEY")
        assert (0, True) == (used.code, "nothing goes there before a folder is allowed" in used.out)
        assert "nobody allowed text of this folder" in told("explain", spot, "--remote").err
        assert [] == stage.received
        assert f"allowed: {file.parent}" in told("remote", "allow", file.parent).out
        explained = told("explain", spot, "--remote").out
        assert f"It squares a width.\n— 127.0.0.1:{stage.port}, not verified\n" in explained
        (one,) = json.loads(told("remote", "log", "--json").out)["sent"]
        assert ("explanation", "app.py", len(stage.received[0])) == (one["why"], one["document"], one["n_bytes"])
        shown = told("remote", "log", one["id"]).out
        assert stage.received[0].decode().replace(KEY, "*" * len(KEY)) == shown.replace("\n", "\r\n").replace(
            "\r\r", "\r"
        )
        assert "hunter2" not in shown
        assert "refused" in told("remote", "revoke", file.parent).out
        assert "nobody allowed text of this folder" in told("explain", spot, "--remote").err
        assert 1 == len(stage.received)
    status = told("remote", "status").out
    assert f"refused: {file.parent}" in status
    assert f"sent: {one['n_bytes']} bytes in 1 requests" in status
    assert "no remote server is chosen any more" in told("remote", "off").out
    assert "server: none; nothing leaves this machine" in told("remote", "status").out


def test_what_is_left_is_fixed_elsewhere(tmp_path: Path, home: dict[str, str]) -> None:
    """Only what this machine could not mend is asked, and only what the checkers prove is written."""
    file = write_project(tmp_path)
    file.write_text('password = "hunter2"\n\n\ndef area(width):\n    return width * whatever_it_is\n')
    fixed = "```\n\n\ndef area(width):\n    return width * width\n```"

    def told(*arguments: str | Path) -> Ran:
        return run_command(*arguments, environment=home)

    assert "no remote server is chosen" in told("fix", file, "--remote").err
    with on_stage(answers(fixed)) as stage:
        told("remote", "use", stage.url, "--model", "big", "--key", "env:REMOTE_KEY")
        assert "nobody allowed text of this folder" in told("fix", file, "--remote").err
        told("remote", "allow", file.parent)
        assert [] == stage.received
        assert (1, []) == (told("fix", file).code, stage.received)
        ran = told("fix", file, "--remote")
        assert (0, 1) == (ran.code, len(stage.received)), ran
        assert f"as 127.0.0.1:{stage.port} writes it" in ran.out
        assert 'password = "hunter2"\n\n\ndef area(width):\n    return width * width\n' == file.read_text()
        assert (0, 1) == (told("fix", file, "--remote").code, len(stage.received))


def test_what_is_fixed_here_is_kept_where_nothing_can_be_asked(tmp_path: Path, home: dict[str, str]) -> None:
    """A server that fails costs one line for each file, and the next file is not left out for it."""
    first = write_project(tmp_path)
    second = first.with_name("second.py")
    for file in (first, second):
        file.write_text("import json\n\n\ndef load(text):\n    return jsn.loads(text)\n\n\nprint(whatever_it_is)\n")
    with on_stage(answers("x")) as stage:
        run_command("remote", "use", stage.url, "--model", "big", environment=home)
    ran = run_command("fix", first, second, "--remote", environment=home)
    assert (2, 2) == (ran.code, ran.err.count("devstral-ls: nobody allowed text of this folder"))
    assert all("return json.loads(text)\n" in file.read_text() for file in (first, second))


def test_a_change_across_files_is_asked_elsewhere(tmp_path: Path, home: dict[str, str]) -> None:
    """What is refused is asked once more, with the reason; what nobody objects to is written, and only if wanted."""
    file = write_project(tmp_path)
    uses = file.with_name("uses.py")
    uses.write_text("from app import area\n\nprint(area(2))\n")
    there = "app.py\n<<<<<<< SEARCH\ndef area(width):\n=======\ndef surface(width):\n>>>>>>> REPLACE\n"
    worse = there.replace("def surface(width):", "def surface(side):")
    here = "uses.py\n<<<<<<< SEARCH\nfrom app import area\n\nprint(area(2))\n=======\n"
    here += "from app import surface\n\nprint(surface(2))\n>>>>>>> REPLACE\n"

    def told(*options: str) -> Ran:
        return run_command("refactor", "rename area to surface", file, uses, "--remote", *options, environment=home)

    assert "no remote server is chosen" in told().err
    cut_off = says("200 OK", EVENTS, events(there, finish="length"))
    with on_stage(cut_off, answers(worse + here), answers(there + here)) as stage:
        run_command("remote", "use", stage.url, "--model", "big", "--key", "env:REMOTE_KEY", environment=home)
        assert "nobody allowed text of this folder" in told().err
        run_command("remote", "allow", file.parent, environment=home)
        assert [] == stage.received
        assert "the answer was cut off" in told("--yes").complaint
        ran = told()
        assert (1, 3) == (ran.code, len(stage.received)), ran
        assert "An earlier answer was refused: app.py:5: F821 Undefined name `width`" in str(stage.bodies()[2])
        assert all("hunter2" not in str(body) for body in stage.bodies())
        assert "-def area(width):\n+def surface(width):\n" in ran.out
        assert "2 files would change; nothing new is wrong, say ruff" in ran.err
        assert "nothing was written; --yes writes without asking" in ran.err
        assert "def area(width):" in file.read_text()
        assert 0 == told("--yes").code
        assert 'password = "hunter2"\n\n\ndef surface(width):\n    return width * width\n' == file.read_text()
        assert "from app import surface\n\nprint(surface(2))\n" == uses.read_text()
    (one, *_) = json.loads(run_command("remote", "log", "--json", environment=home).out)["sent"]
    assert ("refactoring", "app.py, uses.py") == (one["why"], one["document"])


def test_a_preview_is_answered_with_no(tmp_path: Path, home: dict[str, str]) -> None:
    """Where nobody says yes, nothing is sent; the text was shown."""
    file = write_project(tmp_path)
    with on_stage(answers("x")) as stage:
        run_command("remote", "use", stage.url, "--model", "big", "--preview", environment=home)
        run_command("remote", "allow", file.parent, environment=home)
        ran = run_command("explain", f"{file}:4:5", "--remote", environment=home)
        assert 130 == ran.code
        assert "def area(width):" in ran.err
        assert [] == stage.received


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("use", "http://models.example.com/v1", "--model", "m"), "would show the code to the network"),
        (("use", "https://models.example.com/v1", "--model", "m", "--key", KEY), "never the key itself"),
        (("use", "https://models.example.com/v1", "--model", "m", "--infill", "magic"), "infill is 'magic'"),
        (("allow", "/nowhere/at/all"), "there is no folder"),
        (("revoke", "."), "no remote server is chosen"),
        (("log", "nothing"), "no request 'nothing' is logged"),
    ],
)
def test_bad_input_gets_one_line(home: dict[str, str], arguments: tuple[str, ...], complaint: str) -> None:
    """And never the key back."""
    ran = run_command("remote", *arguments, environment=home)
    assert 2 == ran.code
    assert complaint in ran.complaint
    assert KEY not in ran.err
