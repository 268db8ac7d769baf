"""A program on a terminal's screen, in a tmux of its own."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from editor_fixtures import until
from leash import Leashed

COLUMNS, LINES = 100, 30


class Terminal:
    """One screen; `close` it."""

    def __init__(
        self,
        argv: list[str],
        socket: Path,
        *,
        folder: Path,
        env: Mapping[str, str],
        size: tuple[int, int] = (COLUMNS, LINES),
    ) -> None:
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(socket)]
        self._env = os.environ | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | env
        # -D: a child of ours, so that it ends with us, and what measures us can tell its work from that of others.
        self._server = Leashed([*self._tmux, "-D"], env=self._env)
        until(socket.exists, "tmux")
        columns, lines = map(str, size)
        self._run("new-session", "-d", "-x", columns, "-y", lines, "-c", str(folder), shlex.join(argv))

    def _run(self, *arguments: str) -> str:
        """What one tmux command prints."""
        run = subprocess.run(
            [*self._tmux, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=self._env,
        )
        return run.stdout

    def pid(self) -> int:
        """The process of the program."""
        return int(self._run("list-panes", "-F", "#{pane_pid}"))

    def press(self, *keys: str) -> None:
        """Named keys, as tmux calls them."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", "--", text)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def screen_and_cursor(self) -> tuple[tuple[int, int], list[str]]:
        """The cursor's column and row, and the rows of the screen, of one moment."""
        asked = ["display-message", "-p", "#{cursor_x} #{cursor_y}", ";", "capture-pane", "-p", "-N"]
        first, *rows = self._run(*asked).split("\n")
        column, row = map(int, first.split())
        return (column, row), rows[:LINES]

    def screen_with_colours(self) -> str:
        return self._run("capture-pane", "-p", "-e", "-N")

    def wait_for(self, text: str) -> str:
        """The first screen with `text` on it."""
        return until(lambda: text in (screen := self.screen()) and screen, f"{text!r}", instead=self.screen)

    def close(self) -> None:
        self._server.let_go()
