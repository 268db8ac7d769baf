"""Every bad input gets one line that says what, which value and what to do, and exit code 2."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_fixtures import Ran, change_manifest, run_command, write_bundle

from devstral_ls.cli.app import run
from devstral_ls.cli.files import MAX_FILE_BYTES
from devstral_ls.engine.manifest import GRAPH_NAME, MANIFEST_NAME

EXIT_BAD_INPUT = 2


@pytest.fixture
def refuse(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command in this process; it must refuse with one line, which is returned."""

    def refused(*arguments: str | Path) -> str:
        assert run([str(argument) for argument in arguments]) == EXIT_BAD_INPUT
        captured = capfd.readouterr()
        return Ran(EXIT_BAD_INPUT, captured.out, captured.err).complaint

    return refused


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text("def f(x):\n    return \n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--colour"], "No such option: --colour"),
        (["complete"], "Missing argument 'FILE:LINE:COL'"),
        (["complete", "app.py:1:1", "--threads", "many"], "'many' is not a whole number"),
        (["complete", "app.py"], "'app.py' names no position; write FILE:LINE:COL, such as app.py:12:5"),
        (["complete", "app.py:one:2"], "'app.py:one:2' names no position"),
        (["complete", "app.py:1:-2"], "'app.py:1:-2' names no position"),
        (["complete", "missing.py:1:1"], "there is no file missing.py"),
        (["fly"], "No such command 'fly'"),
        (["doctor", "--provider", "abacus"], "'abacus', but must be one of cpu, cuda, coreml"),
        (["refactor", "rename it"], "Missing argument 'PATH…'"),
        (["refactor", " ", __file__], "say what to change, such as 'rename area to surface'"),
        (["refactor", "x" * 2001, __file__], "2001 characters are too many words; 2000 may be"),
        (["refactor", "rename it", "missing.py"], "there is no file missing.py"),
        (["refactor", "rename it", "/"], "more than 30 files are too many for one change; name those that may change"),
        (["refactor", "rename it", __file__], "does not follow instructions; name a model that does with --model"),
        (["serve", "--threads", "-1"], "'-1' is not a whole number"),
    ],
)
def test_wrong_words_are_refused(refuse: Callable[..., str], arguments: list[str], complaint: str) -> None:
    """A wrong option, command, number or position is named."""
    assert complaint in refuse(*arguments)


@pytest.mark.parametrize(
    ("spot", "complaint"),
    [
        ("0:1", "line 0 is outside"),
        ("4:1", "line 4 is outside"),
        ("1:0", "column 0 is outside line 1"),
        ("1:11", "which has columns 1 to 10"),
        ("99999999999999999999:1", "has 3 lines"),
    ],
)
def test_positions_outside_are_refused(refuse: Callable[..., str], source: Path, spot: str, complaint: str) -> None:
    """Lines and columns count from 1, up to one behind the last character."""
    assert complaint in refuse("complete", f"{source}:{spot}")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a\0b", "is a binary file: it holds a zero byte at offset 1"),
        (b"caf\xe9 = 1\n", "is not UTF-8: byte 0xe9 at offset 3; convert it first"),
        (b"#" * (MAX_FILE_BYTES + 1), "but files up to 4 MB are completed"),
    ],
    ids=["binary", "latin-1", "huge"],
)
def test_files_that_are_no_source_text_are_refused(
    refuse: Callable[..., str], tmp_path: Path, content: bytes, complaint: str
) -> None:
    """Binary, wrongly encoded and huge files are refused by name."""
    path = tmp_path / "strange.py"
    path.write_bytes(content)
    assert complaint in refuse("complete", f"{path}:1:1")


def test_a_folder_is_no_file(refuse: Callable[..., str], tmp_path: Path) -> None:
    """A folder in place of a file is said to be one."""
    assert "is a folder; name a file in it" in refuse("complete", f"{tmp_path}:1:1")


def _remove_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


def _truncate(folder: Path) -> None:
    (folder / GRAPH_NAME).write_bytes(b"no")


def _tamper(folder: Path) -> None:
    (folder / GRAPH_NAME).write_bytes(b"NO GRAPH")


def _come_from_the_future(folder: Path) -> None:
    change_manifest(folder, format_version=99)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_remove_manifest, "holds no manifest.json"),
        (_truncate, "has 2 bytes, the manifest says 8"),
        (_tamper, "has SHA-256"),
        (_come_from_the_future, "made by a newer devstral-ls"),
    ],
)
def test_damaged_models_are_refused(
    refuse: Callable[..., str], source: Path, tmp_path: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    """A model folder that is not what its manifest says is never run."""
    folder = write_bundle(tmp_path / "model")
    damage(folder)
    assert complaint in refuse("model", "verify", folder)
    assert complaint in refuse("complete", f"{source}:2:12", "--model", folder)


def test_a_missing_model_is_refused(refuse: Callable[..., str], source: Path, tmp_path: Path) -> None:
    """A model that is not there is named."""
    assert "no model folder at" in refuse("complete", f"{source}:2:12", "--model", tmp_path / "nowhere")


def test_a_refusal_in_a_real_process(source: Path) -> None:
    """The exit code and the one line reach the shell."""
    ran = run_command("complete", f"{source}:77:1")
    assert ran.code == EXIT_BAD_INPUT
    assert f"line 77 is outside {source}, which has 3 lines" == ran.complaint
    assert ran.out == ""


def test_a_change_across_projects_is_refused(refuse: Callable[..., str], tmp_path: Path) -> None:
    """Consent, checkers and neighbours belong to one project."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").touch()
        (tmp_path / name / "app.py").touch()
    assert "these files belong to 2 projects" in refuse("refactor", "rename it", tmp_path / "one", tmp_path / "two")
    (tmp_path / "empty").mkdir()
    assert "there are no Python files in" in refuse("refactor", "rename it", tmp_path / "empty")
