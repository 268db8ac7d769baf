"""The demo as lines of text, for pipes and for terminals that cannot draw."""

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Self

from devstral_ls.cli.demo_project import WRITTEN
from devstral_ls.cli.demo_stage import Moment, summary, tokens_words
from devstral_ls.text import Document

_MARGIN = len(WRITTEN) + len(":999 ")
_TEXT_COLUMNS = 62


class PlainStage:
    """Prints one line a suggestion, the suggested text between angle marks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def starting(self, model: str) -> AbstractContextManager[object]:
        print(f"devstral-ls completes {WRITTEN} with {model}, on this machine alone")
        return nullcontext()

    def ready(self, start_ms: float) -> None:
        print(f"server started and model loaded in {start_ms / 1e3:.1f} s; suggestions stand between « and »\n")

    def typed(self, document: Document, offset: int) -> None:
        """A pipe shows no keys."""

    def suggested(self, moment: Moment) -> None:
        line = moment.document.lines.line_of(moment.offset) + 1
        first, *more = moment.suggested.split("\n")
        text = f"{moment.line_before}«{first}{'' if more else '»'}" if moment.reply.edit else moment.line_before + "…"
        figures = f"{moment.reply.latency_ms:5.0f} ms  {tokens_words(moment.reply)}"
        print(f"{WRITTEN}:{line:<3} {text:<{_TEXT_COLUMNS}} {figures}".rstrip())
        for number, each in enumerate(more, 1):
            print(f"{'':{_MARGIN}}{each.removeprefix(moment.indent)}{'»' if number == len(more) else ''}")

    def settled(self, moment: Moment) -> None:
        """The next line shows how it went on."""

    def finish(self, moments: list[Moment], document: Document, offset: int) -> None:  # noqa: ARG002  as the stage says
        print(f"\n{summary(moments)}")
        print("connect your editor: devstral-ls doctor")
