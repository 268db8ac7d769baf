"""From what a query finds in a text to its symbols: what lies in what, in groups that move without being made anew.

A group is a run of the text in which nothing is nested in what stands outside it: a class with all its members, a
function, an import. Its offsets and lines count from its own start, so an edit elsewhere leaves it as it is.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from devstral_ls.context.outline import TOP_LEVEL, WHOLE_MODULE, Import, Kind, Outline, Symbol

# A decorator that changes how the name is used; the others say nothing to a caller.
_TELLING_DECORATOR = re.compile(
    r"@(property|\w*cached_property|staticmethod|classmethod|(?:\w+\.)?dataclass|overload)\b"
)
_REPEATING_DECORATOR = re.compile(r"@\w+\.(setter|deleter|getter)\b")
_SYMBOL_KINDS = frozenset(Kind)
_NO_DEFINITIONS = frozenset({"__all__", "__slots__"})  # they speak of names that are defined elsewhere

TOP = -1  # where the whole text starts, as the parent of a region
Text = TypeVar("Text", bytes, str)


@dataclass(slots=True)
class Found:
    """One match of a query, before it is known what encloses it. Offsets are bytes, lines are 0-based."""

    capture: str
    start: int
    end: int
    first_line: int
    last_line: int
    body_start: int  # `end` where there is no body
    scope_end: int  # of a decorator, where that which it decorates ends
    name: str
    text: str = ""  # the signature of a symbol; the first line of a documentation; a decorator
    bases: tuple[str, ...] = ()
    is_attribute: bool = False
    module: str = ""
    alias: str = ""

    def moved(self, n_bytes: int, n_lines: int) -> "Found":
        """The same further on."""
        # Written out by field: `replace` takes several times as long, and there may be hundreds.
        return Found(
            self.capture,
            self.start + n_bytes,
            self.end + n_bytes,
            self.first_line + n_lines,
            self.last_line + n_lines,
            self.body_start + n_bytes,
            self.scope_end + n_bytes,
            self.name,
            self.text,
            self.bases,
            self.is_attribute,
            self.module,
            self.alias,
        )

    def stretched(self, change: "Change") -> "Found":
        """The same around a change; of a decorator only what it decorates is around it."""
        is_around = change.start < self.end
        return replace(
            self,
            end=self.end + (change.n_bytes if is_around else 0),
            last_line=self.last_line + (change.n_lines if is_around else 0),
            scope_end=self.scope_end + change.n_bytes,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The bytes in which two versions of a text differ: `start:old_end` became `start:new_end`."""

    start: int
    old_end: int
    new_end: int
    n_lines: int  # more than before

    @property
    def n_bytes(self) -> int:
        """How many more than before."""
        return self.new_end - self.old_end


@dataclass(frozen=True, slots=True)
class Group:
    """What was found in one run of a text, as it was when the run was read, and how far the run has moved since."""

    found: tuple[Found, ...]
    end: int  # when it was read
    n_bytes: int
    n_lines: int
    symbols: tuple[Symbol, ...]  # as they stand in the outline now
    index: int  # of the first of them

    @property
    def start_now(self) -> int:
        return self.found[0].start + self.n_bytes

    @property
    def end_now(self) -> int:
        return self.end + self.n_bytes


@dataclass(frozen=True, slots=True)
class Region:
    """A run of whole siblings in the new text, and where that which they are the children of starts."""

    start: int
    end: int
    parent_start: int


def change_between(old: bytes, new: bytes) -> Change:
    """The smallest replacement that makes `new` of `old`."""
    shorter = min(len(old), len(new))
    start = n_common(old, new, shorter)
    n_after = n_common_at_end(old, new, shorter - start)
    old_end, new_end = len(old) - n_after, len(new) - n_after
    return Change(start, old_end, new_end, new.count(b"\n", start, new_end) - old.count(b"\n", start, old_end))


def n_common(a: Text, b: Text, limit: int) -> int:
    """How far two texts are equal from their starts."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def n_common_at_end(a: Text, b: Text, limit: int) -> int:
    """How far two texts are equal from their ends."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def grouped(found: Iterable[Found]) -> tuple[Group, ...]:
    """The groups of what was found, which comes in the order of the text."""
    groups: list[Group] = []
    run: list[Found] = []
    end = 0
    for each in found:
        if run and end <= each.start:
            groups.append(_group(run, end))
            run = []
        run.append(each)
        end = max(end, each.end, each.scope_end)
    if run:
        groups.append(_group(run, end))
    return tuple(groups)


def _group(run: list[Found], end: int) -> Group:
    return Group(tuple(run), end, 0, 0, tuple(_symbols(run)), 0)


def outline_of(language_id: str, groups: Sequence[Group]) -> tuple[tuple[Group, ...], Outline]:
    """The groups with their symbols in place, and the outline that they make together."""
    placed: list[Group] = []
    symbols: list[Symbol] = []
    imports: list[Import] = []
    for each in groups:
        group = each if each.index == len(symbols) else _at_index(each, len(symbols))
        placed.append(group)
        symbols += group.symbols
        imports += (_import(found, group.n_lines) for found in group.found if found.capture == "import")
    return tuple(placed), Outline(language_id, tuple(symbols), tuple(imports))


def is_replaceable(groups: Sequence[Group], change: Change, region: Region) -> bool:
    """Whether what was found outside a region stays true when the region is read anew.

    It does when the region cuts through nothing, and its siblings are all of the body that it lies in.
    """
    start, old_end = region.start, region.end - change.n_bytes
    body_start = TOP
    for group in groups[_touched(groups, start, old_end)]:
        for each in group.found:
            each_start, each_end = each.start + group.n_bytes, each.end + group.n_bytes
            scope_end = each.scope_end + group.n_bytes
            if old_end <= each_start or scope_end <= start or (start <= each_start and each_end <= old_end):
                continue
            if each_start < start and old_end <= each_end:
                body_start = each.body_start + group.n_bytes
                if start < body_start:
                    return False
                continue
            is_before_all_it_decorates = each_start < start and each_end <= start and old_end <= scope_end
            if not is_before_all_it_decorates:
                return False
    return body_start == region.parent_start


def replaced(groups: Sequence[Group], change: Change, region: Region, found: Sequence[Found]) -> list[Group]:
    """The groups after a change, where `found` is all that starts in `region` now."""
    start, old_end = region.start, region.end - change.n_bytes
    touched = _touched(groups, start, old_end)
    before: list[Found] = []
    after: list[Found] = []
    for group in groups[touched]:
        is_moved = group.n_bytes or group.n_lines
        for old in group.found:
            each = old.moved(group.n_bytes, group.n_lines) if is_moved else old
            if old_end <= each.start:
                after.append(each.moved(change.n_bytes, change.n_lines) if change.n_bytes or change.n_lines else each)
            elif each.start < start:
                before.append(each if each.scope_end <= start else each.stretched(change))
    renewed = grouped([*before, *found, *after])
    return [*groups[: touched.start], *renewed, *(_moved(group, change) for group in groups[touched.stop :])]


def _touched(groups: Sequence[Group], start: int, old_end: int) -> slice:
    """The groups that reach into a region."""
    first = bisect_right(groups, start, key=lambda each: each.end_now)
    return slice(first, max(first, bisect_left(groups, old_end, key=lambda each: each.start_now)))


def _moved(group: Group, change: Change) -> Group:
    if not change.n_bytes and not change.n_lines:
        return group
    symbols = group.symbols
    if change.n_lines:
        symbols = tuple(_symbol_at(each, 0, change.n_lines) for each in symbols)
    n_bytes, n_lines = group.n_bytes + change.n_bytes, group.n_lines + change.n_lines
    return Group(group.found, group.end, n_bytes, n_lines, symbols, group.index)


def _at_index(group: Group, index: int) -> Group:
    moved = index - group.index
    symbols = tuple(each if each.is_top_level else _symbol_at(each, moved, 0) for each in group.symbols)
    return Group(group.found, group.end, group.n_bytes, group.n_lines, symbols, index)


def _symbol_at(symbol: Symbol, n_symbols: int, n_lines: int) -> Symbol:
    return Symbol(
        symbol.name,
        symbol.kind,
        symbol.parent if symbol.parent == TOP_LEVEL else symbol.parent + n_symbols,
        symbol.signature,
        symbol.doc,
        symbol.bases,
        symbol.first_line + n_lines,
        symbol.last_line + n_lines,
    )


def _import(found: Found, n_lines: int) -> Import:
    return Import(found.module, found.name or WHOLE_MODULE, found.alias, found.first_line + n_lines)


def _symbols(run: Sequence[Found]) -> list[Symbol]:
    """Nest the matches by their spans; what is local to a function is no symbol, its `self.x` are its class's."""
    symbols: list[Symbol] = []
    open_symbols: list[tuple[int, int]] = []  # (end, index), the innermost last; -1 is one that is left out
    decorators: list[Found] = []
    fields: set[tuple[int | None, str]] = set()
    for each in run:
        while open_symbols and open_symbols[-1][0] <= each.start:
            open_symbols.pop()
        enclosing = [index for _, index in open_symbols]
        if each.capture == "decorator":
            decorators.append(each)
        elif each.capture == "doc":
            _document(symbols, enclosing, each.text)
        elif each.capture in _SYMBOL_KINDS:
            parent = _parent(each, symbols, enclosing)
            is_repeated = each.capture == Kind.FIELD and (parent, each.name) in fields
            texts = [decorator.text for decorator in decorators if each.start < decorator.scope_end]
            symbol = None if is_repeated else _symbol(each, parent, texts)
            fields.add((parent, each.name))
            open_symbols.append((each.end, len(symbols) if symbol else -1))
            decorators = []
            if symbol:
                symbols.append(symbol)
    return symbols


def _parent(each: Found, symbols: list[Symbol], enclosing: list[int]) -> int | None:
    """The class that `each` is a member of, TOP_LEVEL, or None for a local of a function."""
    owners = [index for index in enclosing if index < 0 or symbols[index].kind != Kind.FUNCTION]
    if len(owners) == len(enclosing):
        return owners[-1] if owners else TOP_LEVEL
    return owners[-1] if each.is_attribute and owners and 0 <= owners[-1] else None


def _symbol(each: Found, parent: int | None, decorators: list[str]) -> Symbol | None:
    if parent is None or each.name in _NO_DEFINITIONS or any(_REPEATING_DECORATOR.match(line) for line in decorators):
        return None
    told = [line for line in decorators if _TELLING_DECORATOR.match(line)]
    return Symbol(
        each.name,
        Kind(each.capture),
        parent,
        "\n".join([*told, each.text]),
        "",
        each.bases,
        each.first_line,
        each.last_line,
    )


def _document(symbols: list[Symbol], enclosing: list[int], doc: str) -> None:
    """Give the innermost enclosing symbol its documentation."""
    if not enclosing or enclosing[-1] < 0 or symbols[enclosing[-1]].doc:
        return
    symbols[enclosing[-1]] = replace(symbols[enclosing[-1]], doc=doc)
