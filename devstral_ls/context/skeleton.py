"""Signatures as text: the form in which other files are shown to the model.

    class Basket(Container):
        items: list[Item]
        def add(self, item: Item, n: int = 1) -> None: ...
    def open_basket(path: str) -> Basket: ...
    LIMIT = 20

The embedded model is trained on exactly this form, so a change here is a change of the model.
Where there is room, a symbol may have the first line of its documentation below it, or its whole body.
"""

from collections.abc import Iterable, Mapping
from textwrap import indent
from types import MappingProxyType

from devstral_ls.context.outline import Kind, Outline, Symbol
from devstral_ls.context.tiers import PLAIN, Detail, Tier, without_indent

_INDENT = "    "
# Languages whose declarations end in a colon; all others get a semicolon or an open brace.
_COLON_LANGUAGES = {"python"}
_WITHOUT_BODY = frozenset({Kind.VARIABLE, Kind.FIELD})


Details = Mapping[int, Detail]
_NO_DETAILS: Details = MappingProxyType({})


def render_skeleton(outline: Outline, chosen: Iterable[int], details: Details = _NO_DETAILS) -> str:
    """The `chosen` symbols in the order of the file, each under the classes it belongs to."""
    shown = _with_owners(outline, set(chosen))
    owners = {outline.symbols[index].parent for index in shown}
    bodies = [index for index, detail in details.items() if detail.tier is Tier.BODY]
    kept = sorted(shown)
    if bodies:
        kept = [index for index in kept if not any(is_inside(outline, index, body) for body in bodies)]
    if not details:  # most packs; this is all that their last count costs
        return "\n".join([_signature(outline, index, index in owners) for index in kept])
    return "\n".join([_lines(outline, index, details.get(index, PLAIN), has_members=index in owners) for index in kept])


def render_symbol(outline: Outline, index: int, detail: Detail = PLAIN) -> str:
    """One symbol's lines, as if nothing of what it owns were shown."""
    return _lines(outline, index, detail, has_members=False)


def is_inside(outline: Outline, index: int, body: int) -> bool:
    """Whether one symbol stands in the body of another: `self.items = []`, a field of the class, in `__init__`."""
    symbol, other = outline.symbols[index], outline.symbols[body]
    return index != body and other.first_line <= symbol.first_line and symbol.last_line <= other.last_line


def _lines(outline: Outline, index: int, detail: Detail, *, has_members: bool) -> str:
    if detail.tier is Tier.SIGNATURE:
        return _signature(outline, index, has_members)
    return _rendered(outline, index, detail, has_members=has_members)


def _signature(outline: Outline, index: int, has_members: bool) -> str:  # noqa: FBT001  a keyword costs a tenth of it
    """A symbol's lines as they are remembered: they are asked for at each packing."""
    known = outline.signature_lines
    lines = known.get((index, has_members))
    if lines is None:
        lines = known[index, has_members] = _rendered(outline, index, PLAIN, has_members=has_members)
    return lines


def _rendered(outline: Outline, index: int, detail: Detail, *, has_members: bool) -> str:
    symbol = outline.symbols[index]
    text = symbol.signature
    if detail.tier is Tier.BODY:
        decorators = text.rpartition("\n")[0]
        text = f"{decorators}\n{without_indent(detail.body)}" if decorators else without_indent(detail.body)
    elif detail.tier is Tier.DOC:
        text += f'{_ending(symbol, outline.language_id, has_members=True)}\n{_INDENT}"""{symbol.doc}"""'
    else:
        text += _ending(symbol, outline.language_id, has_members=has_members)
    level = _INDENT * _depth(outline, symbol)
    return indent(text, level) if level else text


def _ending(symbol: Symbol, language_id: str, *, has_members: bool) -> str:
    if symbol.kind in _WITHOUT_BODY:
        return ""
    if language_id in _COLON_LANGUAGES:
        return ":" if has_members else ": ..."
    return " {" if has_members else ";"


def _with_owners(outline: Outline, chosen: set[int]) -> set[int]:
    shown = set(chosen)
    for index in chosen:
        parent = outline.symbols[index].parent
        while 0 <= parent and parent not in shown:
            shown.add(parent)
            parent = outline.symbols[parent].parent
    return shown


def _depth(outline: Outline, symbol: Symbol) -> int:
    depth = 0
    while 0 <= symbol.parent:
        symbol = outline.symbols[symbol.parent]
        depth += 1
    return depth
