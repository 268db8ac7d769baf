"""What the model should see: windows of the text, signatures from elsewhere, packed into a budget.

What is named here is imported when it is asked for: the processes that jedi and the index run in need none of it,
and every open editor has them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devstral_ls.context.gathering import gather
    from devstral_ls.context.neighbours import Neighbours
    from devstral_ls.context.pieces import Budget, Context, CountTokens, Piece, Purpose
    from devstral_ls.context.workspace import WATCHED_FILES, Sources, Workspace

__all__ = [
    "WATCHED_FILES",
    "Budget",
    "Context",
    "CountTokens",
    "Neighbours",
    "Piece",
    "Purpose",
    "Sources",
    "Workspace",
    "gather",
]

_HOMES = {"gather": "gathering", "Neighbours": "neighbours"}
_HOMES |= dict.fromkeys(("Budget", "Context", "CountTokens", "Piece", "Purpose"), "pieces")
_HOMES |= dict.fromkeys(("WATCHED_FILES", "Sources", "Workspace"), "workspace")


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found
