"""Whether a text keeps to the grammar of its language; Python is left to ruff, whose parser knows more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devstral_ls.checkers.problem import OwnFix, Problem
from devstral_ls.text import Document, Edit, Span
from devstral_ls.trace import span

_MAX_CHARACTERS = 2_000_000
_MAX_PROBLEMS = 100
_CODE = "syntax-error"
# What a parser may say is missing, and what has one meaning when it is written there.
_WRITABLE = frozenset(")]};,:(")


@dataclass(frozen=True, slots=True)
class Broken:
    """A place that breaks the grammar; `missing` is the token that should stand at its start, if that is known."""

    start: int
    end: int
    missing: str = ""


# Where a text of a language breaks the grammar; None where there is no grammar for that language.
ReadBroken = Callable[[str, str], Sequence[Broken] | None]


@dataclass(frozen=True, slots=True)
class Syntax:
    """Asks a parser that somebody else owns; a text of 1,000 lines takes it a few milliseconds."""

    read: ReadBroken

    @property
    def name(self) -> str:
        return "the grammar"

    def speaks(self, language_id: str) -> bool:
        return language_id != "python" and self.read("", language_id) is not None

    def check(self, document: Document) -> list[Problem]:
        if not self.speaks(document.language_id) or _MAX_CHARACTERS < len(document.text):
            return []
        with span("checkers.syntax"):
            found = self.read(document.text, document.language_id) or ()
        return [_problem(each) for each in found[:_MAX_PROBLEMS]]


def _problem(broken: Broken) -> Problem:
    place = Span(broken.start, broken.end)
    if broken.missing in _WRITABLE:
        write = Edit(Span(broken.start, broken.start), broken.missing)
        message = f"`{broken.missing}` is missing"
        return Problem("syntax", _CODE, message, place, own_fix=OwnFix((write,), f"add the {broken.missing}", True))
    return Problem("syntax", _CODE, "the text cannot be read from here on", place)
