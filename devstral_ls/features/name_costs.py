"""The rule by which names cost, at a place in a document: what is known there, and how it is found out."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from devstral_ls.context import Sources
from devstral_ls.context.subjects import MAX_CALL_CHARACTERS, keywords_used, usages
from devstral_ls.features.names import known_names
from devstral_ls.features.naming import EVERY_PART, MAX_TYPED_CHARACTERS, Naming, Part
from devstral_ls.text import Place


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

    def __call__(self, text: str, ends: bool) -> float:  # noqa: FBT001  a `CostRule`
        return self.naming(text, ends)

    @cached_property
    def naming(self) -> Naming:
        """The part of it that is text; this one is asked for the rest."""
        document = self.place.document
        start = document.lines.line_start(self.place.line)
        above = document.text[max(0, start - MAX_CALL_CHARACTERS) : start]
        return Naming(self.place.line_before[-MAX_TYPED_CHARACTERS:], above, self, self.parts)

    def names_unknown_member(self, text: str) -> bool:
        """Whether a finished completion uses a member that does not exist."""
        return self.naming.names_unknown_member(self.place.line_before, text)

    def names_unknown_keyword(self, text: str) -> bool:
        """Whether a finished completion gives a call a keyword that it does not take."""
        return self.naming.names_unknown_keyword(self.place.line_before, text)

    def looked_up(self) -> dict[str, dict[str, list[str] | None]]:
        """What was asked of the facts so far, with the answers, as JSON."""
        found = {"members": self._members, "keywords": self._keywords}
        return {
            kind: {name: None if known is None else sorted(known) for name, known in answers.items()}
            for kind, answers in found.items()
        }

    def members(self, receiver: str) -> frozenset[str] | None:
        """See `Known`; what is not known yet may be learned while a text is written."""
        if self._members.get(receiver) is None:
            known = self.facts.members(self.place, receiver)
            used = usages(self.place.document, receiver, but=self.place.line) if known else ()
            self._members[receiver] = None if known is None else known.union(used)
        return self._members[receiver]

    def keywords(self, callee: str) -> frozenset[str] | None:
        """See `Known`."""
        if self._keywords.get(callee) is None:
            known = self.facts.keywords(self.place, callee)
            used = keywords_used(self.place.document, callee, but=self.place.line) if known else ()
            self._keywords[callee] = None if known is None else known.union(used)
        return self._keywords[callee]

    def names(self) -> frozenset[str] | None:
        """See `Known`."""
        return self._known_names

    @cached_property
    def _known_names(self) -> frozenset[str] | None:
        return known_names(self.place)


def name_costs(place: Place, sources: Sources) -> NameCosts | None:
    """The rule for completions at `place`; none for other languages than Python."""
    if place.document.language_id != "python":
        return None
    semantics = sources.workspace.semantics
    return NameCosts(place.document.path, semantics.n_learned, semantics, place)
