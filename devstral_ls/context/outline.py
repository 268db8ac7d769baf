"""Values: what one text defines and imports, read once by `syntax` and used by everybody else here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

WHOLE_MODULE = ""
EVERYTHING = "*"
TOP_LEVEL = -1


class Kind(StrEnum):
    """What a symbol is; the names are also the captures of `queries/*.scm`."""

    FUNCTION = "function"
    CLASS = "class"
    VARIABLE = "variable"
    FIELD = "field"


@dataclass(frozen=True, slots=True)
class Symbol:
    """One definition. Lines are 0-based; `signature` is what a reader needs to use it, without its body."""

    name: str
    kind: Kind
    parent: int  # the index of the enclosing symbol in its outline, or TOP_LEVEL
    signature: str
    doc: str  # the first line of its documentation
    bases: tuple[str, ...]
    first_line: int
    last_line: int

    @property
    def is_top_level(self) -> bool:
        return self.parent == TOP_LEVEL


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, as it is written: `from module import name as alias`."""

    module: str
    name: str  # WHOLE_MODULE for `import module`, EVERYTHING for a star
    alias: str
    line: int

    @property
    def bound_name(self) -> str:
        """The name by which the importing text speaks of it."""
        return self.alias or self.name or self.module.split(".")[0]


@dataclass(frozen=True)  # no slots: what is derived from it is cached in it
class Outline:
    """What one text defines, in the order of the text, and what it imports."""

    language_id: str
    symbols: tuple[Symbol, ...]
    imports: tuple[Import, ...]

    def members(self, index: int) -> list[int]:
        """The symbols right under `index` (TOP_LEVEL for the text itself)."""
        return self._members.get(index, [])

    def top_level(self, name: str) -> int | None:
        """The last top-level definition of `name`, as Python would see it after the import."""
        return self._top_level.get(name)

    def find(self, dotted_name: str) -> int | None:
        """The symbol of a name such as "Basket.add", from the top level down."""
        parent = TOP_LEVEL
        for part in dotted_name.split("."):
            found = [index for index in self.members(parent) if self.symbols[index].name == part]
            if not found:
                return None
            parent = found[-1]
        return parent

    @cached_property
    def headings(self) -> tuple[tuple[str, ...], ...]:
        """By symbol: all that is shown with it, the signatures of what encloses it from the top level down to its own.

        The owners' whole signatures: a class whose bases have changed stands otherwise above each of its members.
        """
        headings: list[tuple[str, ...]] = []
        for symbol in self.symbols:  # an owner stands before what it owns
            above = () if symbol.is_top_level else headings[symbol.parent]
            headings.append((*above, symbol.signature))
        return tuple(headings)

    @cached_property
    def by_heading(self) -> Mapping[tuple[str, ...], int]:
        """The first symbol that is shown in each way."""
        first: dict[tuple[str, ...], int] = {}
        for index, heading in enumerate(self.headings):
            first.setdefault(heading, index)
        return first

    @cached_property
    def repeats(self) -> frozenset[int]:
        """The symbols that would be shown as an earlier one is, as those defined once in each branch of an `if`."""
        return frozenset(range(len(self.symbols))) - frozenset(self.by_heading.values())

    @cached_property
    def line_counts(self) -> dict[object, list[int]]:
        """What each symbol's lines cost, by who counted; 0 for one that was not counted yet."""
        return {}

    @cached_property
    def signature_lines(self) -> dict[tuple[int, bool], str]:
        """The lines of symbols that were shown by their signatures, without and with members below them."""
        return {}

    @cached_property
    def _members(self) -> dict[int, list[int]]:
        members: dict[int, list[int]] = {}
        for index, symbol in enumerate(self.symbols):
            members.setdefault(symbol.parent, []).append(index)
        return members

    @cached_property
    def _top_level(self) -> dict[str, int]:
        return {self.symbols[index].name: index for index in self.members(TOP_LEVEL)}
