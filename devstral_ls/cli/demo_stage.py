"""What the demo tells a stage, and the numbers that all stages show."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from devstral_ls.text import Document, Place

if TYPE_CHECKING:
    from devstral_ls.cli.demo_buffer import Reply


@dataclass(frozen=True, slots=True)
class Moment:
    """A suggestion on the screen: the text that it belongs to, and whether it is what the author wants."""

    document: Document
    offset: int
    reply: "Reply"
    is_accepted: bool

    @property
    def line_before(self) -> str:
        """What the cursor's line holds already, without its indentation."""
        return self._typed.lstrip()

    @property
    def indent(self) -> str:
        return self._typed[: len(self._typed) - len(self.line_before)]

    @property
    def suggested(self) -> str:
        return "" if self.reply.edit is None else self.reply.edit.new_text

    @property
    def _typed(self) -> str:
        return Place(self.document, self.offset).line_before


class Stage(Protocol):
    """Where the demo is shown."""

    def starting(self, model: str) -> AbstractContextManager[object]:
        """The server starts and loads `model` while this is open."""
        ...

    def ready(self, start_ms: float) -> None: ...

    def typed(self, document: Document, offset: int) -> None:
        """A key was pressed; the cursor stands at `offset`."""
        ...

    def suggested(self, moment: Moment) -> None: ...

    def settled(self, moment: Moment) -> None:
        """The suggestion was accepted, or its author wrote on."""
        ...

    def finish(self, moments: list[Moment], document: Document, offset: int) -> None:
        """All is written; this is the whole text."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def summary(moments: list[Moment]) -> str:
    """All moments in one sentence."""
    shown = [moment for moment in moments if moment.reply.edit is not None]
    if not shown:
        return "the model suggested nothing; `devstral-ls doctor` says why"
    middle_ms = median(moment.reply.latency_ms for moment in shown)
    n_accepted = sum(moment.is_accepted for moment in shown)
    return f"{len(shown)} suggestions, {n_accepted} accepted, {middle_ms:.0f} ms in the middle, from key to ghost text"


def tokens_words(reply: "Reply") -> str:
    """What the model read for this suggestion, and what it remembered from the one before."""
    if not reply.n_read_tokens:
        return "known before it was asked for"
    return f"{reply.n_read_tokens} tokens read, {reply.n_remembered_tokens} remembered"
