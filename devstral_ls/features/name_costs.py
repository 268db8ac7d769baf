"""What the names in a completion cost while it is written, so that it names nothing that does not exist.

A member that the receiver is known not to have costs everything, and so does a keyword that a call does not take.
A free-standing name that is not known at the cursor costs something: it may be bound further on, as in a
comprehension. Where nothing is known, all is free.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Protocol

from devstral_ls.context import Sources
from devstral_ls.context.subjects import MAX_CALL_CHARACTERS, RECEIVER, callee_of, code_only, keywords_used, usages
from devstral_ls.features.names import bound_names, known_names
from devstral_ls.text import Place

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


class Facts(Protocol):
    """What is known of expressions, as `context.Semantics` remembers it."""

    def members(self, place: Place, expression: str) -> frozenset[str] | None: ...

    def keywords(self, place: Place, callee: str) -> frozenset[str] | None: ...


@dataclass(frozen=True)  # no slots: what was looked up is kept in it, and does not count when two are compared
class NameCosts:
    """The rule of one place. Two are equal when they know the same of the same document."""

    path: str
    n_learned: int
    facts: Facts = field(repr=False)
    place: Place = field(compare=False, repr=False)
    parts: frozenset[Part] = EVERY_PART
    _members: dict[str, frozenset[str] | None] = field(default_factory=dict, compare=False, repr=False)
    _keywords: dict[str, frozenset[str] | None] = field(default_factory=dict, compare=False, repr=False)
    _names: list[frozenset[str] | None] = field(default_factory=list, compare=False, repr=False)

    def __call__(self, text: str, ends: bool) -> float:  # noqa: FBT001  a `CostRule`
        typed = self.place.line_before[-MAX_TYPED_CHARACTERS:]
        written = _last_lines(code_only(typed + text))
        n_typed = max(0, len(written) - len(text))
        if Part.MEMBERS in self.parts and not self._has_members(written, n_typed, ends=ends):
            return math.inf
        if Part.KEYWORDS in self.parts and not self._takes_keywords(written, n_typed):
            return math.inf
        if Part.NAMES not in self.parts or self._is_known_name(written, n_typed, ends=ends):
            return 0.0
        return 0.0 if Part.KEYWORDS in self.parts and self._begins_keyword(written) else UNKNOWN_NAME_NATS

    def names_unknown_member(self, text: str) -> bool:
        """Whether a finished completion uses a member that does not exist."""
        typed = self.place.line_before
        return not self._has_members(code_only(typed + text), len(typed), ends=True)

    def names_unknown_keyword(self, text: str) -> bool:
        """Whether a finished completion gives a call a keyword that it does not take."""
        typed = self.place.line_before
        return not self._takes_keywords(code_only(typed + text), len(typed))

    def looked_up(self) -> dict[str, dict[str, list[str] | None]]:
        """What was asked of the facts so far, with the answers, as JSON."""
        found = {"members": self._members, "keywords": self._keywords}
        return {
            kind: {name: None if known is None else sorted(known) for name, known in answers.items()}
            for kind, answers in found.items()
        }

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
        if receiver not in self._members or self._members[receiver] is None:
            known = self.facts.members(self.place, receiver)
            used = usages(self.place.document, receiver, but=self.place.line) if known else ()
            self._members[receiver] = None if known is None else known.union(used)
        return self._members[receiver]

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
        if callee not in self._keywords or self._keywords[callee] is None:
            known = self.facts.keywords(self.place, callee)
            used = keywords_used(self.place.document, callee, but=self.place.line) if known else ()
            self._keywords[callee] = None if known is None else known.union(used)
        return self._keywords[callee]

    @cached_property
    def _code_above(self) -> str:
        """The lines above the cursor's, in which a call may have begun."""
        start = self.place.document.lines.line_start(self.place.line)
        return code_only(self.place.document.text[max(0, start - MAX_CALL_CHARACTERS) : start])

    def _is_known_name(self, code: str, n_typed: int, *, ends: bool) -> bool:
        """Whether the last word is a free-standing name that is known here, or may become one."""
        found = _LAST_WORD.search(code)
        if found is None or found.end(1) < n_typed:
            return True
        word, line = found.group(1), code[: found.start()].rpartition("\n")[2]
        if not line.strip() or word in bound_names(code) or _BINDS.match(found.group(2)):
            return True  # a statement may begin with a new name
        if not self._names:
            self._names.append(known_names(self.place))
        known = self._names[0]
        if known is None or word in known:
            return True
        return not (found.group(2) or ends) and _begins_one_of(word, known)


def name_costs(place: Place, sources: Sources) -> NameCosts | None:
    """The rule for completions at `place`; none for other languages than Python."""
    if place.document.language_id != "python":
        return None
    semantics = sources.workspace.semantics
    return NameCosts(place.document.path, semantics.n_learned, semantics, place)


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
