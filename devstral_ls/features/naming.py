"""What the names in a completion cost while it is written, so that it names nothing that does not exist.

A member that the receiver is known not to have costs everything, and so does a keyword that a call does not take.
A free-standing name that is not known at the cursor costs something: it may be bound further on, as in a
comprehension. Where nothing is known, all is free. Who knows is asked name by name, and may be far away.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Protocol

from devstral_ls.context.subjects import RECEIVER, callee_of, code_only
from devstral_ls.features.names import bound_names

UNKNOWN_NAME_NATS = 2.0
MAX_TYPED_CHARACTERS = 400  # of the cursor's line
_DOTTED = re.compile(rf"(?<![\w.)\]])({RECEIVER})\.(\w*)")
_LAST_WORD = re.compile(r"(?<![\w.])([^\W\d]\w*)(\W*)$")
_BINDS = re.compile(r"\s*[:=](?!=)")
_KEYWORD = re.compile(r"(?:[(,]|^)\s*([^\W\d]\w*)\s*=(?!=)", re.MULTILINE)
_LAST_ARGUMENT = re.compile(r"(?:[(,]|^)\s*([^\W\d]\w*)\Z", re.MULTILINE)


class Part(Enum):
    """What is weighed; measurements leave some out."""

    MEMBERS = "members"
    KEYWORDS = "keywords"
    NAMES = "names"


EVERY_PART = frozenset(Part)


class Known(Protocol):
    """What is known of names at one place; None where nothing is."""

    def members(self, receiver: str) -> frozenset[str] | None:
        """What may follow a receiver and a dot."""
        ...

    def keywords(self, callee: str) -> frozenset[str] | None:
        """What may be named in a call."""
        ...

    def names(self) -> frozenset[str] | None:
        """What may stand free."""
        ...


@dataclass(frozen=True)  # no slots: what is derived is kept in it
class Naming:
    """The rule of one place, as far as it is text: the end of the cursor's line up to it, and the lines above."""

    typed: str
    above: str  # a call may have begun there
    known: Known = field(repr=False)
    parts: frozenset[Part] = EVERY_PART

    def __call__(self, text: str, ends: bool) -> float:  # noqa: FBT001  a `CostRule`
        """A `CostRule`."""
        written = _last_lines(code_only(self.typed + text))
        n_typed = max(0, len(written) - len(text))
        if Part.MEMBERS in self.parts and not self._has_members(written, n_typed, ends=ends):
            return math.inf
        if Part.KEYWORDS in self.parts and not self._takes_keywords(written, n_typed):
            return math.inf
        if Part.NAMES not in self.parts or self._is_known_name(written, n_typed, ends=ends):
            return 0.0
        return 0.0 if Part.KEYWORDS in self.parts and self._begins_keyword(written) else UNKNOWN_NAME_NATS

    def names_unknown_member(self, typed: str, text: str) -> bool:
        """Whether a finished completion behind all that is `typed` in its line uses a member that does not exist."""
        return not self._has_members(code_only(typed + text), len(typed), ends=True)

    def names_unknown_keyword(self, typed: str, text: str) -> bool:
        """Whether it gives a call a keyword that it does not take."""
        return not self._takes_keywords(code_only(typed + text), len(typed))

    def _has_members(self, code: str, n_typed: int, *, ends: bool) -> bool:
        """Whether all members that reach beyond what is typed exist; of one at the end the beginning will do."""
        for receiver, member, start, end in _members_in(code):
            if n_typed < end or (n_typed == end and (ends or end < len(code))):
                known = self._members_of(receiver, code[:start])
                typed = member[: max(0, n_typed - (end - len(member)))]
                if known is None or member in known or not _begins_one_of(typed, known):
                    continue  # what is typed and leads nowhere is its author's business
                if ends or end < len(code) or not _begins_one_of(member, known):
                    return False
        return True

    def _members_of(self, receiver: str, before: str) -> frozenset[str] | None:
        """The members of a receiver that stands behind `before`, or None where they are not known."""
        root = re.match(r"\w+", receiver)
        assert root is not None
        is_target = not before.rpartition("\n")[2].strip()
        if (is_target and receiver in ("self", "cls")) or root.group() in bound_names(before):
            return None  # a new attribute, or a new meaning
        return self.known.members(receiver)

    def _takes_keywords(self, code: str, n_typed: int) -> bool:
        """Whether every keyword that is written beyond what is typed is one of its call's."""
        for found in _KEYWORD.finditer(code, max(0, n_typed - MAX_TYPED_CHARACTERS)):
            if n_typed < found.end():
                known = self._keywords_at(code[: found.start(1)])
                if known is not None and found.group(1) not in known:
                    return False
        return True

    def _begins_keyword(self, code: str) -> bool:
        """Whether the argument that is being written may become a keyword of its call."""
        found = _LAST_ARGUMENT.search(code)
        known = self._keywords_at(code[: found.start(1)]) if found else None
        return found is not None and known is not None and _begins_one_of(found.group(1), known)

    def _keywords_at(self, code: str) -> frozenset[str] | None:
        """What may stand before `=` at the end of `code`, or None where that is not known."""
        callee = callee_of(code if "(" in code else self._code_above + code)
        if callee is None or re.search(r"\blambda\b[^:]*$", code):
            return None
        return self.known.keywords(callee)

    @cached_property
    def _code_above(self) -> str:
        return code_only(self.above)

    def _is_known_name(self, code: str, n_typed: int, *, ends: bool) -> bool:
        """Whether the last word is a free-standing name that is known here, or may become one."""
        found = _LAST_WORD.search(code)
        if found is None or found.end(1) < n_typed:
            return True
        word, line = found.group(1), code[: found.start()].rpartition("\n")[2]
        if not line.strip() or word in bound_names(code) or _BINDS.match(found.group(2)):
            return True  # a statement may begin with a new name
        known = self.known.names()
        if known is None or word in known:
            return True
        return not (found.group(2) or ends) and _begins_one_of(word, known)


def _members_in(code: str) -> Iterator[tuple[str, str, int, int]]:
    """Every receiver with the member behind it, where the receiver starts and the member ends; chains link by link."""
    for found in _DOTTED.finditer(code):
        links = f"{found.group(1)}.{found.group(2)}".split(".")
        for n in range(1, len(links)):
            receiver = ".".join(links[:n])
            member = links[n].removesuffix("()")
            yield receiver, member, found.start(), found.start() + len(receiver) + 1 + len(member)


def _begins_one_of(word: str, names: frozenset[str]) -> bool:
    return any(name.startswith(word) for name in names)


def _last_lines(code: str) -> str:
    """The line that is being written and the one above, which a token may have ended."""
    return code[code.rfind("\n", 0, max(0, code.rfind("\n"))) + 1 :]
