"""Programs that end with whoever started them, however that one ends: also a killed test run leaves nothing behind."""

import subprocess
from pathlib import Path
from typing import Any

# A shell beside the program waits for the end of a pipe that only the starter holds, and then ends the whole group.
_HOLD = ["sh", "-c", '"$@" </dev/null & read -r _; kill -KILL 0', "leash"]


class Leashed:
    """A program and all that it starts in its group; `let_go` of it."""

    def __init__(self, argv: list[str], **options: Any) -> None:
        self._shell = subprocess.Popen([*_HOLD, *argv], stdin=subprocess.PIPE, start_new_session=True, **options)

    @property
    def pid(self) -> int:
        """Of the shell that holds it."""
        return self._shell.pid

    def let_go(self) -> None:
        """End it now."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait()


def left_behind(mark: str) -> list[str]:
    """The command lines of all processes with `mark` in theirs."""
    pids = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    return [words for pid in pids if mark in (words := command_line(pid))]


def command_line(pid: int) -> str:
    """The words that a process was started with; none of one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
