"""`doctor --prove-offline` and what it proves: nothing that the server or its programs open leads outside."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstral_ls.cli.app import run
from devstral_ls.cli.witness import read_calls

CALLS = """\
7 execve("/usr/bin/python3", ["python3"], 0x7ffe) = 0
7 execve("/nowhere/ruff", ["ruff"], 0x7ffe) = -1 ENOENT (No such file or directory)
7 socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [3, 4]) = 0
8 openat(AT_FDCWD, "/home/ada/.cache/a b", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 5
8 openat(AT_FDCWD, "/home/ada/read.py", O_RDONLY|O_CLOEXEC) = 5
8 openat(AT_FDCWD, "/dev/null", O_RDWR) = 6
8 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP <unfinished ...>
8 <... socket resumed>) = -1 EPERM (Operation not permitted)
"""


def test_calls_are_read() -> None:
    """Of strace's lines, sockets are counted by family, and attempts to leave the machine are kept, refused or not."""
    opened = read_calls(CALLS.splitlines())
    assert {"AF_UNIX": 1, "AF_INET": 1} == opened.families
    assert ["socket(AF_INET, SOCK_STREAM, IPPROTO_TCP <unfinished ...>"] == opened.outside
    assert {"python3": 1} == opened.programs
    assert {Path("/home/ada/.cache/a b")} == opened.written


def prove(capfd: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """The findings by topic."""
    assert run(["doctor", "--prove-offline", "--json"]) == 0
    return {each["topic"]: each for each in json.loads(capfd.readouterr().out)["findings"]}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's seal needs Linux")
def test_the_interpreter_testifies(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without strace the audit hook watches the server, and the kernel's seal holds for its programs."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    found = prove(capfd)
    assert "audit hook" in found["conversation"]["words"]
    assert "three attempts were refused" in found["seal"]["words"]
    assert "connections elsewhere: none" in found["sockets"]["words"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_kernel_testifies(capfd: pytest.CaptureFixture[str]) -> None:
    """Watched by strace, a conversation with suggestions, a hover and a fix opens local sockets only."""
    found = prove(capfd)
    assert "a hover and a proven fix" in found["conversation"]["words"]
    assert {"good"} == {each["level"] for each in found.values()}
    assert "ruff" in found["programs"]["words"]
    assert "jedi" not in found["written to"]["words"]  # what it keeps lies in our own cache


def test_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    """A completion leaves nothing in the user's home but our own cache: no device id, no report of ONNX Runtime."""
    (tmp_path / "app.py").write_text("import json\n\nprint(json.\n")
    subprocess.run(
        [sys.executable, "-m", "devstral_ls", "complete", str(tmp_path / "app.py:3:12")],
        env={"HOME": str(tmp_path / "home"), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    left = {path.relative_to(tmp_path / "home") for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert {Path(".cache/devstral-ls")} >= {Path(*path.parts[:2]) for path in left}
