"""What a source of candidates gets to see, and what it gives."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from devstral_ls.checkers import Problem, Topic, Ty, topic_of
from devstral_ls.text import Document, Edit, Span

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Edits that may remove a problem. Nobody has checked them yet.

    `cost` orders them: about 1 for each slip of the keyboard that they undo, less where more speaks for them.
    """

    edits: tuple[Edit, ...]
    title: str
    cost: float
    origin: str
    is_guess: bool = False  # one of several things that could be meant, so never without being asked for

    @property
    def size(self) -> int:
        """How many characters the edits remove and write."""
        return sum(len(edit.span) + len(edit.new_text) for edit in self.edits)


@dataclass(frozen=True, slots=True)
class Case:
    """One problem in one text, with what else is known: other texts of the project, and types if there are any."""

    document: Document
    problem: Problem
    neighbours: Sequence[Document] = ()
    types: Ty | None = None
    topic: Topic = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "topic", topic_of(self.problem))

    @property
    def text(self) -> str:
        return self.document.text

    @property
    def line(self) -> int:
        return self.document.lines.line_of(self.problem.span.start)

    def identifier(self) -> Span | None:
        """The identifier that the problem covers, or the last one where it covers an attribute."""
        covered = self.problem.span.of(self.text)
        found = list(_IDENTIFIER.finditer(covered))
        if not found or found[-1].end() != len(covered):
            return self._identifier_at(self.problem.span.start)
        return Span(*found[-1].span()).shifted(self.problem.span.start)

    def _identifier_at(self, offset: int) -> Span | None:
        """Some publishers report a place, not a span."""
        line = self.document.line_span(self.line)
        for match in _IDENTIFIER.finditer(line.of(self.text)):
            place = Span(*match.span()).shifted(line.start)
            if place.contains(offset):
                return place
        return None


def replace_one(span: Span, new_text: str, title: str, cost: float, origin: str) -> Candidate:
    """A candidate of one edit."""
    return Candidate((Edit(span, new_text),), title, cost, origin)
