"""One thing that is wrong with a text, and the seam that every checker fills."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from devstral_ls.text import Document, Edit, Span

# Line numbers in a message ("from line 3") change with every edit above; they are not part of the problem.
_LINE_NUMBER = re.compile(r"\b(line|column) \d+")


class Severity(StrEnum):
    """How bad a problem is, in the words that editors use."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class OwnFix:
    """The edits with which the checker itself would remove a problem."""

    edits: tuple[Edit, ...]
    title: str
    is_safe: bool  # the checker says that the meaning stays


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of one checker, or a diagnostic that somebody else published."""

    source: str
    code: str
    message: str
    span: Span
    severity: Severity = Severity.ERROR
    own_fix: OwnFix | None = None
    is_elsewhere: bool = False  # in another file: it stands at the start of this one, and only a proof asks about it

    @property
    def identity(self) -> tuple[str, str, str]:
        """What stays the same when the text around the problem is edited."""
        return self.source, self.code, _LINE_NUMBER.sub(r"\1", self.message)


class Checker(Protocol):
    """Judges one text. It has a deadline of its own and never runs what it judges."""

    @property
    def name(self) -> str: ...

    def speaks(self, language_id: str) -> bool:
        """Whether it can judge texts of this language; whose silence proves nothing is not asked."""
        ...

    def check(self, document: Document) -> list[Problem]:
        """Everything that is wrong, in the order of the text.

        Raises `CheckerFailed` when it is late, crashed or answered garbage: no answer is never "no problems".
        """
        ...
