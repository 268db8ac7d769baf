"""What a server and its programs opened, told by somebody else: strace where it is installed, else an audit hook."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

# What reaches nobody: local sockets, and the kernel's own tables.
LOCAL_FAMILIES = frozenset({"AF_UNIX", "AF_LOCAL", "AF_NETLINK"})

_CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)$")
_FAMILY = re.compile(r"\b(?:AF|PF)_\w+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT")
_NO_FILES = ("/dev/", "/proc/", "/sys/")


@dataclass(slots=True)
class Opened:
    """Counts and names of what was opened, refused attempts included."""

    families: Counter[str] = field(default_factory=Counter)  # of sockets, as in AF_UNIX
    outside: list[str] = field(default_factory=list)  # calls that would have reached another machine
    programs: Counter[str] = field(default_factory=Counter)
    written: set[Path] = field(default_factory=set)


class Witness(Protocol):
    """Somebody who watches a command."""

    name: str
    sees_programs: bool  # and not the interpreter alone

    def watched(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """The command that runs `command` under watch."""
        ...

    def testimony(self) -> Opened:
        """What was seen, once the command has ended."""
        ...


def find_witness(folder: Path) -> Witness:
    """The best witness of this machine; it writes into `folder`."""
    strace = shutil.which("strace")
    return Strace(strace, folder / "calls") if strace else AuditHook(folder / "events")


class Strace:
    """The kernel's word: each system call of each process that opens a socket, a connection, a file or a program."""

    name = "strace"
    sees_programs = True

    def __init__(self, program: str, log: Path) -> None:
        self._program = program
        self._log = log

    def watched(self, command: tuple[str, ...]) -> tuple[str, ...]:
        # -D: the watched program is the child that the caller knows, and not strace
        calls = "trace=socket,socketpair,connect,sendto,sendmsg,bind,open,openat,creat,execve"
        return (self._program, "-D", "-f", "-qqq", "-e", calls, "-e", "signal=none", "-o", str(self._log), *command)

    def testimony(self) -> Opened:
        return read_calls(self._log.read_text("utf-8", errors="replace").splitlines())


class AuditHook:
    """The interpreter's word: what the server's own Python opens; of programs that it starts, only that."""

    name = "the interpreter's audit hook"
    sees_programs = False

    def __init__(self, log: Path) -> None:
        self._log = log

    def watched(self, command: tuple[str, ...]) -> tuple[str, ...]:
        python, option, module, *arguments = command
        assert [option, module] == ["-m", "devstral_ls"]
        return (python, "-m", "devstral_ls.cli.watched", str(self._log), *arguments)

    def testimony(self) -> Opened:
        return read_calls(self._log.read_text("utf-8", errors="replace").splitlines())


def read_calls(lines: Iterable[str]) -> Opened:
    """Opened things from lines such as `123 socket(AF_UNIX, SOCK_STREAM, 0) = 3`."""
    opened = Opened()
    for line in lines:
        if call := _CALL.match(line):
            _take(opened, call["name"], call["rest"])
    return opened


def _take(opened: Opened, name: str, rest: str) -> None:
    if name == "execve":
        if "= 0" in rest or "unfinished" in rest:
            opened.programs[Path(_first_quoted(rest)).name] += 1
    elif name in {"open", "openat", "creat"}:
        path = _first_quoted(rest)
        if (name == "creat" or any(flag in rest for flag in _WRITES)) and not path.startswith(_NO_FILES):
            opened.written.add(Path(path))
    elif family := _FAMILY.search(rest):
        if name in {"socket", "socketpair"}:
            opened.families[family[0]] += 1
        if family[0] not in LOCAL_FAMILIES:
            opened.outside.append(f"{name}({rest.split(' = ', maxsplit=1)[0]}")


def _first_quoted(rest: str) -> str:
    quoted = _QUOTED.search(rest)
    return quoted[1] if quoted else ""
