"""Why the model sees what it sees: each shown symbol with its cost and what speaks for it, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from devstral_ls.context.census import LeftOut
from devstral_ls.context.gathering import gather, survey_at, wanted_at
from devstral_ls.context.layout import Layout
from devstral_ls.context.pack import MIN_SCORE, Candidate, piece_tokens
from devstral_ls.context.pieces import Budget, Context
from devstral_ls.context.skeleton import render_symbol
from devstral_ls.context.tiers import without_indent
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.context.workspace import Sources
from devstral_ls.text import Place

MAX_LEFT_OUT = 12  # symbols that are named; the others are counted


@dataclass(frozen=True, slots=True)
class Choice:
    """A symbol that is shown, or would be if there were room."""

    path: str
    line: int  # 0-based
    signature: str
    tier: str  # how much of it is shown
    n_tokens: int  # of that
    usage: str  # where the call of it stands that is shown too: a path and a line that counts from 1, or nothing
    n_usage_tokens: int
    score: float
    reasons: tuple[tuple[str, float], ...]  # features and their shares of the score, the largest first


@dataclass(frozen=True, slots=True)
class Rule:
    """So many symbols are not shown, and why."""

    why: str
    n: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is packed for a place, part by part, and what is not."""

    context: Context
    tokens: dict[str, int]  # by part of the prompt
    room: dict[str, int]  # the tokens that each part may have
    lines: dict[str, tuple[int, int]]  # of the document in its windows: the first and the last, which count from 1
    chosen: tuple[Choice, ...]
    left_out: tuple[Choice, ...]  # the best that found no room
    rules: tuple[Rule, ...]
    files_left_out: tuple[LeftOut, ...]


def explain(place: Place, *, budget: Budget, sources: Sources, files_left_out: tuple[LeftOut, ...] = ()) -> Explanation:
    """What `gather` packs for `place`, and why."""
    context = gather(place, budget=budget, sources=sources)
    place = sources.workspace.roots.named_place(place)
    counts = sources.workspace.counts
    layout = sources.workspace.layouts.get((place.document.path, budget.purpose), Layout())
    is_shown = bool(context.prefix or context.suffix)
    shown = {each.key for each in layout.chosen}
    wanted = wanted_at(place, sources, 2 * budget.stable_tokens) if is_shown else []
    missing = (each for each in wanted if each.key not in shown and each.symbol not in each.outline.repeats)
    return Explanation(
        context,
        _tokens(context, counts),
        {
            "stable": budget.stable_tokens,
            "suffix": budget.suffix_tokens,
            "volatile": budget.volatile_tokens,
            "prefix": budget.prefix_tokens,
        },
        _lines(place, context),
        tuple(_choice(each, counts) for each in layout.chosen),
        tuple(_choice(each, counts) for each in islice(missing, MAX_LEFT_OUT)),
        _rules(place, sources, layout.chosen) if is_shown else (Rule("the file may hold secrets", 1),),
        files_left_out,
    )


def _tokens(context: Context, counts: TokenCounts) -> dict[str, int]:
    return {
        "stable": sum(piece_tokens(piece, counts) for piece in context.stable),
        "suffix": counts.of(context.suffix),
        "volatile": counts.of(context.volatile),
        "prefix": counts.of(context.prefix),
    }


def _lines(place: Place, context: Context) -> dict[str, tuple[int, int]]:
    line = place.line + 1
    return {
        "prefix": (line - context.prefix.count("\n"), line),
        "suffix": (line, line + context.suffix.removesuffix("\n").count("\n")),
    }


def _choice(candidate: Candidate, counts: TokenCounts) -> Choice:
    symbol, detail = candidate.outline.symbols[candidate.symbol], candidate.detail
    usage = detail.usage
    return Choice(
        candidate.path,
        symbol.first_line,
        symbol.signature,
        detail.tier,
        counts.of("\n" + render_symbol(candidate.outline, candidate.symbol, detail)),
        f"{usage.path}:{usage.first_line + 1}" if usage else "",
        counts.of("\n" + without_indent(usage.text)) if usage else 0,
        round(candidate.score, 2),
        tuple((name, round(share, 2)) for name, share in candidate.ranking.reasons(candidate.row)),
    )


def _rules(place: Place, sources: Sources, shown: Sequence[Candidate]) -> tuple[Rule, ...]:
    """Why the symbols of the index that are not shown are not."""
    survey = survey_at(place, sources)
    n_shown = sum(1 for each in shown if any(each.path in index.file_rows for index in sources.workspace.columns))
    n_no_room = survey.n_symbols - survey.n_in_document - survey.n_below - n_shown
    rules = (
        Rule(f"score less than {MIN_SCORE:g}, so little that they are noise", survey.n_below),
        Rule("are beyond the budget, or equal to one that is shown", n_no_room),
        Rule("stand in this file, which the windows show", survey.n_in_document),
    )
    return tuple(rule for rule in rules if 0 < rule.n)
