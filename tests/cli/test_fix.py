"""`devstral-ls fix` and `explain`: what is written, what is said, and the exit codes of a linter."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstral_ls.cli.app import run

BROKEN = "import json\n\n\ndef f(x)\n    return jsn.loads(x)\n\n\nf('1')\n"
FIXED = "import json\n\n\ndef f(x):\n    return json.loads(x)\n\n\nf('1')\n"


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str = ""


@pytest.fixture
def devstral(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command in this process."""

    def ran(*arguments: str | Path) -> Ran:
        code = run([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    return ran


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(BROKEN, "utf-8", newline="")
    return path


def test_proven_fixes_are_written(devstral: Callable[..., Ran], broken: Path) -> None:
    """The file is right afterwards, and the exit code says so."""
    ran = devstral("fix", broken)
    assert (0, FIXED) == (ran.code, broken.read_text("utf-8"))
    assert ran.out.endswith("2 problems fixed in 1 file, 0 left\n")


def test_check_changes_nothing(devstral: Callable[..., Ran], broken: Path) -> None:
    """`--check` says what would be done, with the exit code of a finding."""
    ran = devstral("fix", "--check", broken)
    assert (1, BROKEN) == (ran.code, broken.read_text("utf-8"))


def test_diff_shows_the_change(devstral: Callable[..., Ran], broken: Path) -> None:
    """`--diff` prints what a patch tool can read and changes nothing."""
    ran = devstral("fix", "--diff", broken)
    assert (1, BROKEN) == (ran.code, broken.read_text("utf-8"))
    assert "-def f(x)\n+def f(x):\n" in ran.out.replace("-    return jsn.loads(x)\n", "")


def test_what_is_left_is_said(devstral: Callable[..., Ran], tmp_path: Path) -> None:
    """A problem without a proven fix is reported as compilers do."""
    path = tmp_path / "app.py"
    path.write_text("print(frobnicate)\n", "utf-8")
    ran = devstral("fix", path)
    assert (1, f"{path}:1:7: F821 Undefined name `frobnicate`") == (ran.code, ran.out.splitlines()[0])


def test_select_also_takes_what_is_not_clear(devstral: Callable[..., Ran], tmp_path: Path) -> None:
    """Unused imports are left alone until they are asked for."""
    path = tmp_path / "app.py"
    path.write_text("import os\n\nx = 1\n", "utf-8")
    assert 0 == devstral("fix", path).code
    assert "import os" in path.read_text("utf-8")
    assert 0 == devstral("fix", "--select", "F401", path).code
    assert "x = 1\n" == path.read_text("utf-8").lstrip()


def test_byte_order_marks_and_line_endings_stay(devstral: Callable[..., Ran], tmp_path: Path) -> None:
    """Only what is fixed changes."""
    path = tmp_path / "app.py"
    path.write_bytes(b"\xef\xbb\xbf" + BROKEN.replace("\n", "\r\n").encode())
    devstral("fix", path)
    assert b"\xef\xbb\xbf" + FIXED.replace("\n", "\r\n").encode() == path.read_bytes()


def test_explain_says_what_a_problem_means(devstral: Callable[..., Ran], broken: Path) -> None:
    """The diagnosis and the proven fix, as text."""
    broken.write_text("import json\n\nprint(jsn, json)\n", "utf-8")
    ran = devstral("explain", f"{broken}:3:8")
    assert "ruff F821: Undefined name `jsn`" in ran.out
    assert ran.out.rstrip().endswith("jsn → json")


def test_nothing_to_explain_has_its_exit_code(devstral: Callable[..., Ran], tmp_path: Path) -> None:
    """An empty line has nothing to say."""
    path = tmp_path / "app.py"
    path.write_text("x = 1\n\n", "utf-8")
    assert 1 == devstral("explain", f"{path}:2:1").code


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    devstral: Callable[..., Ran], broken: Path, tmp_path: Path
) -> None:
    """Each gets its line, the rest is fixed, and the exit code says that something was refused."""
    (tmp_path / "binary.py").write_bytes(b"a\0b")
    (tmp_path / "latin.py").write_bytes("x = 'ä'".encode("latin-1"))
    ran = devstral("fix", tmp_path / "gone.py", tmp_path / "binary.py", tmp_path / "latin.py", broken)
    assert (2, FIXED) == (ran.code, broken.read_text("utf-8"))
    assert ["there is no file", "is a binary file", "is not UTF-8"] == [
        next(words for words in ("there is no file", "is a binary file", "is not UTF-8") if words in line)
        for line in ran.err.splitlines()
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written_does_not_stop_the_others(
    devstral: Callable[..., Ran], broken: Path, tmp_path: Path
) -> None:
    """The same for files of somebody else."""
    locked = tmp_path / "a.py"
    locked.write_text(BROKEN, "utf-8", newline="")
    locked.chmod(0o444)
    ran = devstral("fix", locked, broken)
    assert (2, FIXED) == (ran.code, broken.read_text("utf-8"))
    assert "cannot be written" in ran.err


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_a_declared_program_judges_another_language(devstral: Callable[..., Ran], tmp_path: Path) -> None:
    """A misspelt name in C is found, put right and proven by the user's own compiler."""
    checkers, source = tmp_path / "checkers.json", tmp_path / "main.c"
    pattern = r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<severity>error): (?P<message>.*)$"
    command = ["gcc", "-fsyntax-only", "{file}"]
    checkers.write_text(json.dumps([{"name": "gcc", "languages": ["c"], "command": command, "pattern": pattern}]))
    source.write_text("int area(int width) {\n    return widht * 2;\n}\n")
    ran = devstral("fix", tmp_path, "--checkers", checkers)
    assert (0, "int area(int width) {\n    return width * 2;\n}\n") == (ran.code, source.read_text())
    assert "widht → width · verified by the grammar and gcc, " in ran.out


@pytest.mark.parametrize(
    ("content", "words"),
    [("[", "is no JSON"), ("{}", "must hold a list of objects"), ('[{"name": "x"}]', "'languages' is missing")],
)
def test_a_wrong_file_of_checkers_is_refused(
    devstral: Callable[..., Ran], broken: Path, content: str, words: str
) -> None:
    """Nothing is fixed with other judges than the ones that were named."""
    checkers = broken.parent / "checkers.json"
    checkers.write_text(content)
    ran = devstral("fix", broken, "--checkers", checkers)
    assert (2, BROKEN, 1) == (ran.code, broken.read_text("utf-8"), len(ran.err.splitlines()))
    assert words in ran.err
