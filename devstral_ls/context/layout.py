"""The stable context of a document, kept from one request to the next so that the engine's prefix cache lives.

A fresh ranking orders symbols anew at each keystroke; showing it as it is would void the cache each time.
So what is shown stays, what is newly wanted is appended, and all is laid out anew only when the
shown text became untrue, no longer fits, or misses much of what is wanted now.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from devstral_ls.context.pack import Candidate, choose, piece_tokens, pieces_of
from devstral_ls.context.pieces import Piece
from devstral_ls.context.tiers import Reader
from devstral_ls.context.tokens import TokenCounts

# Of the value of the best wanted symbols, the share whose absence is worth a new layout.
MAX_MISSING_SHARE = 0.3
N_BEST = 20
# A new layout leaves room for what will be appended to it.
FRESH_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class Layout:
    """What is shown now: a sorted part, and what was appended to it since."""

    chosen: tuple[Candidate, ...] = ()
    pieces: tuple[Piece, ...] = ()
    around: tuple[int, str, int] | None = None  # the text it was made for
    budget_tokens: int = 0


def next_layout(
    old: Layout,
    wanted: Sequence[Candidate],
    budget_tokens: int,
    counts: TokenCounts,
    reader: Reader | None = None,
) -> Layout:
    """The old layout with the signatures of what is newly wanted at its end, or a new one where that would not do.

    A reader fills what room is left in a new one, and nothing of that changes while the layout stays.
    """
    shown = {each.key for each in old.chosen}
    n_used = sum(piece_tokens(piece, counts) for piece in old.pieces)
    if not old.chosen or budget_tokens < n_used:
        return _fresh(wanted, budget_tokens, counts, reader)
    missing = [each for each in wanted[:N_BEST] if each.key not in shown]
    appended = choose(missing, budget_tokens - n_used, counts)
    still_missing = sum(each.score for each in missing) - sum(each.score for each in appended)
    if MAX_MISSING_SHARE * sum(each.score for each in wanted[:N_BEST]) < still_missing:
        return _fresh(wanted, budget_tokens, counts, reader)
    return Layout((*old.chosen, *(each.alone() for each in appended)), (*old.pieces, *pieces_of(appended)))


def _fresh(wanted: Sequence[Candidate], budget_tokens: int, counts: TokenCounts, reader: Reader | None) -> Layout:
    chosen = choose(wanted, int(budget_tokens * FRESH_SHARE), counts, reader)
    return Layout(tuple(each.alone() for each in chosen), pieces_of(chosen))
