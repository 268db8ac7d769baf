"""Signatures as text: the form in which other files are shown to the model.

    class Basket(Container):
        items: list[Item]
        def add(self, item: Item, n: int = 1) -> None: ...
    def open_basket(path: str) -> Basket: ...
    LIMIT = 20

The embedded model is trained on exactly this form, so a change here is a change of the model.
"""

from collections.abc import Iterable

from devstral_ls.context.outline import Kind, Outline, Symbol

_INDENT = "    "
# Languages whose declarations end in a colon; all others get a semicolon or an open brace.
_COLON_LANGUAGES = {"python"}
_WITHOUT_BODY = frozenset({Kind.VARIABLE, Kind.FIELD})


def render_skeleton(outline: Outline, chosen: Iterable[int]) -> str:
    """The signatures of the `chosen` symbols in the order of the file, each under the classes it belongs to."""
    shown = _with_owners(outline, set(chosen))
    owners = {outline.symbols[index].parent for index in shown}
    return "\n".join(_rendered(outline, index, has_members=index in owners) for index in sorted(shown))


def render_symbol(outline: Outline, index: int) -> str:
    """One symbol's lines, as if nothing of what it owns were shown."""
    return _rendered(outline, index, has_members=False)


def _rendered(outline: Outline, index: int, *, has_members: bool) -> str:
    symbol = outline.symbols[index]
    text = symbol.signature + _ending(symbol, outline.language_id, has_members=has_members)
    indent = _INDENT * _depth(outline, symbol)
    return indent + text.replace("\n", f"\n{indent}")


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
