"""Why the model sees what it sees: every shown symbol with what it costs and what speaks for it."""

from dataclasses import dataclass

from devstral_ls.context.gathering import gather, wanted_at
from devstral_ls.context.layout import Layout
from devstral_ls.context.pack import Candidate, piece_tokens
from devstral_ls.context.pieces import Budget, Context
from devstral_ls.context.skeleton import render_symbol
from devstral_ls.context.workspace import Sources
from devstral_ls.text import Place

MAX_LEFT_OUT = 12
N_REASONS = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """A symbol that is shown, or would be if there were room."""

    path: str
    line: int  # 0-based
    signature: str
    n_tokens: int
    score: float
    reasons: tuple[tuple[str, float], ...]  # features and their shares of the score, the largest first


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is packed for a place, part by part, and what is not."""

    context: Context
    tokens: dict[str, int]  # by part of the prompt
    chosen: tuple[Choice, ...]
    left_out: tuple[Choice, ...]  # the best that found no room
    n_candidates: int


def explain(place: Place, *, budget: Budget, sources: Sources) -> Explanation:
    """What `gather` packs for `place`, and why."""
    context = gather(place, budget=budget, sources=sources)
    place = sources.workspace.roots.named_place(place)
    counts = sources.workspace.counts
    layout = sources.workspace.layouts.get(place.document.path, Layout())
    shown = {each.key for each in layout.chosen}
    wanted = wanted_at(place, sources, 2 * budget.stable_tokens) if context.prefix or context.suffix else []
    missing = [each for each in wanted if each.key not in shown]

    def choice(candidate: Candidate) -> Choice:
        symbol = candidate.outline.symbols[candidate.symbol]
        return Choice(
            candidate.path,
            symbol.first_line,
            symbol.signature,
            counts.of("\n" + render_symbol(candidate.outline, candidate.symbol)),
            round(candidate.score, 2),
            tuple((name, round(share, 2)) for name, share in candidate.ranking.reasons(candidate.row)[:N_REASONS]),
        )

    return Explanation(
        context,
        {
            "stable": sum(piece_tokens(piece, counts) for piece in context.stable),
            "suffix": counts.of(context.suffix),
            "volatile": counts.of(context.volatile),
            "prefix": counts.of(context.prefix),
        },
        tuple(choice(each) for each in layout.chosen),
        tuple(choice(each) for each in missing[:MAX_LEFT_OUT]),
        len(wanted),
    )
