"""The stable context of a document, kept from one request to the next so that the engine's prefix cache lives.

A fresh ranking orders symbols anew at each keystroke; showing it as it is would void the cache each time.
So what is shown stays, what is newly wanted is appended, and all is laid out anew only when the
shown text became untrue, no longer fits, or has much less of what is wanted now than a new layout would.
What is appended, too, has the model read the document's own windows again, so where that takes long
nothing changes within a line, nor at a new one as long as what is shown is nearly as good.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devstral_ls.context.pack import Candidate, choose, piece_tokens, pieces_of
from devstral_ls.context.pieces import Piece
from devstral_ls.context.tiers import Reader
from devstral_ls.context.tokens import TokenCounts

# Of the value of the best wanted symbols in a new layout, the share whose absence is worth that one.
MAX_MISSING_SHARE = 0.3
N_BEST = 20
# A new layout leaves room for what will be appended to it.
FRESH_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a layout was made for; typing within a word changes none of it."""

    line: tuple[int, str, int]  # the lines before the cursor's, that itself if it imports, and those behind it
    rest: tuple[str, int]  # the line's dots and brackets up to the cursor; all that stands behind, what is known


@dataclass(frozen=True, slots=True)
class Layout:
    """What is shown now: a sorted part, and what was appended to it since."""

    chosen: tuple[Candidate, ...] = ()
    pieces: tuple[Piece, ...] = ()
    around: Surroundings | None = None
    budget_tokens: int = 0

    def serves(self, around: Surroundings, budget_tokens: int, *, is_costly: bool) -> bool:
        """Whether there is no need to look at what is wanted now."""
        if self.around is None or self.budget_tokens != budget_tokens:
            return False
        is_same_line = bool(self.chosen) and self.around.line == around.line
        return self.around == around or (is_costly and is_same_line)


def next_layout(
    old: Layout,
    wanted: Sequence[Candidate],
    budget_tokens: int,
    counts: TokenCounts,
    reader: Reader | None = None,
    *,
    is_costly: bool = False,
) -> Layout:
    """The old layout with the signatures of what is newly wanted at its end, or a new one where that would not do.

    A reader fills what room is left in a new one, and nothing of that changes while the layout stays.
    Where a change is costly the old one stays as it is unless it would not do.
    """
    fresh = _fresh(wanted, budget_tokens, counts, reader)
    n_used = sum(piece_tokens(piece, counts) for piece in old.pieces)
    if not old.chosen or budget_tokens < n_used:
        return fresh
    best = wanted[:N_BEST]
    enough = (1 - MAX_MISSING_SHARE) * _worth(best, fresh.chosen)
    if is_costly and enough <= _worth(best, old.chosen):
        return old
    shown = {each.key for each in old.chosen}
    appended = choose([each for each in best if each.key not in shown], budget_tokens - n_used, counts)
    chosen = (*old.chosen, *(each.alone() for each in appended))
    if _worth(best, chosen) < enough:
        return fresh
    return Layout(chosen, (*old.pieces, *pieces_of(appended)))


def _worth(wanted: Iterable[Candidate], chosen: Iterable[Candidate]) -> float:
    """What of the wanted is shown."""
    shown = {each.key for each in chosen}
    return sum(each.score for each in wanted if each.key in shown)


def _fresh(wanted: Sequence[Candidate], budget_tokens: int, counts: TokenCounts, reader: Reader | None) -> Layout:
    chosen = choose(wanted, int(budget_tokens * FRESH_SHARE), counts, reader)
    return Layout(tuple(each.alone() for each in chosen), pieces_of(chosen))
