"""The demo as a moving picture: the code being typed, the suggestion dimmed behind the cursor, the times below."""

import time
from contextlib import AbstractContextManager
from threading import Event
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from devstral_ls.cli.demo_project import SCENES, WRITTEN
from devstral_ls.cli.demo_stage import Moment, summary, tokens_words
from devstral_ls.cli.ghost import CURSOR, highlighted, numbered, terminal, with_ghost
from devstral_ls.text import Document

KEY_S = 0.01
MAX_LAG_S = 0.3
GHOST_S = 0.7
SILENCE_S = 0.4
ACCEPTED = "bold green"
_WIDTH = 100
_MAX_CODE_LINES = 26
_LINES_OUTSIDE_CODE = 7 + len(SCENES)  # borders, the list of suggestions and the last words


class TerminalStage:
    """Draws over itself while the demo runs, and leaves its last picture on the screen."""

    def __init__(self) -> None:
        self._console = terminal()
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._n_code_lines = max(6, min(_MAX_CODE_LINES, self._console.height - _LINES_OUTSIDE_CODE))
        self._model = ""
        self._start_ms = 0.0
        self._rows: list[tuple[Text, ...]] = []
        self._code: RenderableType = Text()
        self._due_s = 0.0  # when the next key is shown

    def __enter__(self) -> Self:
        self._live.start()
        self._due_s = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def starting(self, model: str) -> AbstractContextManager[object]:
        self._model = model
        return self._console.status(f"starting the server with [bold]{model}[/]", spinner="dots")

    def ready(self, start_ms: float) -> None:
        self._start_ms = start_ms

    def typed(self, document: Document, offset: int) -> None:
        self._due_s = max(self._due_s + KEY_S, time.monotonic() - MAX_LAG_S)
        if time.monotonic() <= self._due_s:  # a busy machine shows fewer pictures, not a longer film
            self._draw_code(document, offset)
            _hold(self._due_s - time.monotonic())

    def suggested(self, moment: Moment) -> None:
        self._rows.append(_row(moment))
        edit = moment.reply.edit
        if edit is None:
            _hold(SILENCE_S)
            return
        code, start, _ = with_ghost(moment.document, edit)
        code.stylize(CURSOR, start, start + 1)
        self._draw(self._window(code, start))
        _hold(GHOST_S)

    def settled(self, moment: Moment) -> None:
        if moment.is_accepted:
            self._rows[-1] = (Text("⇥", style=ACCEPTED), *self._rows[-1][1:])
        self._due_s = time.monotonic()

    def finish(self, moments: list[Moment], document: Document, offset: int) -> None:
        self._draw_code(document, offset)
        self._live.update(Group(self._picture(), _last_words(moments)), refresh=True)

    def _draw_code(self, document: Document, offset: int) -> None:
        code = highlighted(document.text, document.language_id)
        code.stylize(CURSOR, offset, offset + 1)
        self._draw(self._window(code, offset))

    def _draw(self, code: RenderableType) -> None:
        self._code = code
        self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        """The editor above, the suggestions so far below."""
        editor = Panel(
            self._code,
            box=box.ROUNDED,
            border_style="dim",
            title=f"[bold]{WRITTEN}[/]",
            title_align="left",
            subtitle=f"{self._model} · ready in {self._start_ms / 1e3:.1f} s · offline",
            subtitle_align="right",
            width=min(_WIDTH, self._console.width),
            height=self._n_code_lines + 2,
            padding=0,
        )
        rows = Table.grid(padding=(0, 2, 0, 0))
        for justify in ("left", "left", "right", "left"):
            rows.add_column(justify=justify, no_wrap=True)
        for row in self._rows:
            rows.add_row(*row)
        return Group(editor, rows)

    def _window(self, code: Text, offset: int) -> Text:
        """As many lines as fit, the cursor in the lower half."""
        line = code.plain.count("\n", 0, offset)
        first = max(0, line - self._n_code_lines * 2 // 3)
        return numbered(code, first, first + self._n_code_lines - 1)


def _row(moment: Moment) -> tuple[Text, ...]:
    """One line of the list: accepted or not, what was suggested, how long it took, what was read for it."""
    first, *more = (moment.suggested or "nothing to suggest").strip().split("\n")
    words = Text(f"{first} …" if more else first, style="" if moment.reply.edit else "dim")
    words.truncate(44, overflow="ellipsis")
    latency = Text(f"{moment.reply.latency_ms:.0f} ms", style="bold cyan")
    return Text("·", style="dim"), words, latency, Text(tokens_words(moment.reply), style="dim")


def _last_words(moments: list[Moment]) -> Text:
    words = Text(f"\n{summary(moments)}\n")
    words.append("Connect your editor: ", style="dim")
    words.append("devstral-ls doctor", style="bold")
    return words


def _hold(seconds: float) -> None:
    """Let the viewer see it; only a picture needs the clock."""
    Event().wait(max(0.0, seconds))
