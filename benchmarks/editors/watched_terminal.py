"""A program in a terminal of our own: every piece that it draws is kept with the moment at which it arrived.

Nothing is polled. What the terminal itself takes to draw is not in these times, nor would it be on a user's screen
without its own frames: a few milliseconds.
"""

import fcntl
import os
import pty
import signal
import struct
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pyte

COLUMNS, ROWS = 100, 30
PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Look:
    """The screen after one piece of output."""

    at_s: float
    column: int
    row: int
    rows: tuple[str, ...]

    @property
    def before(self) -> str:
        """The cursor's row up to the cursor."""
        return self.rows[self.row][: self.column]

    @property
    def behind(self) -> str:
        return self.rows[self.row][self.column :].rstrip()


class WatchedTerminal:
    """One screen; `close` it."""

    def __init__(self, argv: list[str], *, folder: Path, env: dict[str, str]) -> None:
        self.looks: list[Look] = []
        self._pid, self._tty = pty.fork()
        if self._pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.chdir(folder)
            os.execve(argv[0], argv, {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | env)
        self._screen = _Screen(self._tty)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def type(self, keys: str) -> float:
        """Send `keys`, and say when."""
        at_s = time.time()
        os.write(self._tty, keys.encode())
        return at_s

    def text(self) -> str:
        return "\n".join(self.looks[-1].rows) if self.looks else ""

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._thread.join()
        os.close(self._tty)

    def _read(self) -> None:
        stream = pyte.ByteStream(self._screen)
        while True:
            try:
                piece = os.read(self._tty, PIECE_BYTES)
            except OSError:
                return
            at_s = time.time()
            stream.feed(piece)
            cursor = self._screen.cursor
            self.looks.append(Look(at_s, cursor.x, cursor.y, tuple(self._screen.display)))


class _Screen(pyte.Screen):
    """A screen that answers when it is asked what it is: editors wait for that."""

    def __init__(self, tty: int) -> None:
        super().__init__(COLUMNS, ROWS)
        self._tty = tty

    def report_device_status(self, mode: int, **_: bool) -> None:
        """Pyte 0.8 knows no private questions, such as Helix's about the theme."""
        super().report_device_status(mode)

    def write_process_input(self, data: str) -> None:
        os.write(self._tty, data.encode())
