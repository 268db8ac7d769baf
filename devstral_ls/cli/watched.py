"""`python -m devstral_ls.cli.watched LOG ARGUMENTS…`: devstral-ls, with each thing that it opens written to LOG.

The lines are those of strace, so that one reader reads both.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

from devstral_ls.cli.app import run


def watch(log: Path) -> None:
    """Write every opened socket, connection, file and program to `log`, from now on."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if line := _line(event, arguments):
            os.write(descriptor, f"{os.getpid()} {line}\n".encode(errors="replace"))

    sys.addaudithook(heard)


def _line(event: str, arguments: tuple[Any, ...]) -> str:
    """One event in strace's words, or nothing."""
    match event:
        case "socket.__new__":
            return f"socket({socket.AddressFamily(arguments[1]).name})"
        case "socket.connect" | "socket.bind" | "socket.sendto" | "socket.sendmsg":
            return f"{event.removeprefix('socket.')}({arguments[0].family.name}, {arguments[1]!r})"
        case "socket.getaddrinfo" | "socket.gethostbyname":
            return f"{event.removeprefix('socket.')}(AF_INET, {arguments[0]!r})"
        case "open" if isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return f'openat("{os.fsdecode(arguments[0])}", O_WRONLY)' if not isinstance(arguments[0], int) else ""
        case "subprocess.Popen" | "os.posix_spawn":
            return f'execve("{os.fsdecode(arguments[0])}") = 0'
    return ""


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))
