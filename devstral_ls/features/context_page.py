"""What the model sees at a place as a page for people: the window as a bar, each symbol with its reasons, the rest."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstral_ls.config import Settings
from devstral_ls.context import Sources
from devstral_ls.context.explanation import Choice, Explanation, explain
from devstral_ls.features.inline_completion import budget_for
from devstral_ls.features.shape import shape_at
from devstral_ls.text import Place

if TYPE_CHECKING:  # loaded with the model
    from devstral_ls.engine.face import Engine

BAR_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Run:
    """Words that look alike; `role` is a part of the prompt, or "path", "title", "signature", "aside" or empty."""

    words: str
    role: str = ""


Line = tuple[Run, ...]


def page_at(place: Place, *, engine: "Engine", sources: Sources, settings: Settings) -> str:
    """The page for what a suggestion at `place` would be made from."""
    budget = budget_for(engine, settings, shape_at(place, settings.max_lines))
    n_tokens = budget.prefix_tokens + budget.suffix_tokens + budget.stable_tokens
    lines = page(explain(place, budget=budget, sources=sources), n_tokens)
    return "".join("".join(run.words for run in line) + "\n" for line in lines)


def page(explanation: Explanation, n_tokens: int) -> Iterator[Line]:
    """The lines of the page for a context that may have so many tokens."""
    yield _bar(explanation, n_tokens)
    yield _legend(explanation, n_tokens)
    # A file that was appended to has two pieces; here it stands once.
    for path in dict.fromkeys(piece.path for piece in explanation.context.stable):
        yield ()
        yield (Run(path, "path"),)
        own = (each for each in explanation.chosen if each.path == path)
        yield from (_symbol(each) for each in sorted(own, key=lambda each: each.line))
    yield from _left_out(explanation.left_out)
    yield ()
    yield (Run(f"{len(explanation.chosen)} of {explanation.n_candidates} candidates shown", "aside"),)


def _left_out(choices: Sequence[Choice]) -> Iterator[Line]:
    if choices:
        yield ()
        yield (Run("no room for", "title"),)
        yield from (_symbol(each, where=f"{each.path}:{each.line + 1} ") for each in choices)


def _bar(explanation: Explanation, n_tokens: int) -> Line:
    """The window as one line, each source as long as its share."""
    parts = [Run("█" * round(BAR_CHARACTERS * used / n_tokens), part) for part, used in explanation.tokens.items()]
    n_drawn = sum(len(part.words) for part in parts)
    return (*parts, Run("░" * (BAR_CHARACTERS - n_drawn), "aside"))


def _legend(explanation: Explanation, n_tokens: int) -> Line:
    used = [(part, n) for part, n in explanation.tokens.items() if n]
    named = (run for part, n in used for run in (Run("█ ", part), Run(f"{part} {n}   ")))
    return (*named, Run(f"of {n_tokens} tokens", "aside"))


def _symbol(choice: Choice, where: str = "") -> Line:
    """One symbol: its signature, then what it costs and what speaks for it."""
    facts = f"  {choice.n_tokens} tokens, {choice.score:g} = {_reasons(choice.reasons)}"
    return (Run("  "), Run(where, "path"), Run(choice.signature.rpartition("\n")[2], "signature"), Run(facts, "aside"))


def _reasons(reasons: Iterable[tuple[str, float]]) -> str:
    return " ".join(f"{name} {share:+g}" for name, share in reasons)
