"""What the model sees at a place as a page for people: the window as a bar, each symbol with its reasons, the rest."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstral_ls.config import Settings
from devstral_ls.context import Sources
from devstral_ls.context.census import LeftOut
from devstral_ls.context.explanation import Choice, Explanation, Rule, explain
from devstral_ls.context.rank import MEANINGS
from devstral_ls.features.inline_completion import budget_for
from devstral_ls.text import Place

if TYPE_CHECKING:  # loaded with the model
    from devstral_ls.engine.face import Engine

BAR_CHARACTERS = 60
MAX_SIGNATURE_CHARACTERS = 100
N_REASONS = 4  # beside a symbol; the program's form of the page has all
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Run:
    """Words that look alike; `role` is a part of the prompt, or "path", "title", "signature", "aside" or empty."""

    words: str
    role: str = ""


Line = tuple[Run, ...]


def page_at(
    place: Place, *, engine: "Engine", sources: Sources, settings: Settings, files_left_out: tuple[LeftOut, ...] = ()
) -> str:
    """The page for what a suggestion at `place` would be made from."""
    budget = budget_for(engine, settings)
    explanation = explain(place, budget=budget, sources=sources, files_left_out=files_left_out)
    return "".join("".join(run.words for run in line) + "\n" for line in page(explanation))


def page(explanation: Explanation) -> Iterator[Line]:
    """The lines of the page."""
    n_tokens = sum(explanation.room.values())
    yield _bar(explanation, n_tokens)
    yield _legend(explanation, n_tokens)
    yield from _windows(explanation)
    # A file that was appended to, or in which calls are shown, has more than one piece; here it stands once.
    for path in dict.fromkeys(piece.path for piece in explanation.context.stable):
        own = [each for each in explanation.chosen if each.path == path]
        if own:
            yield ()
            yield (Run(path, "path"),)
            yield from (_symbol(each) for each in sorted(own, key=lambda each: each.line))
    yield from _left_out(explanation)
    yield from _meanings(explanation)


def _bar(explanation: Explanation, n_tokens: int) -> Line:
    """The window as one line, each source as long as its share."""
    parts = [Run("█" * round(BAR_CHARACTERS * used / n_tokens), part) for part, used in explanation.tokens.items()]
    n_drawn = sum(len(part.words) for part in parts)
    return (*parts, Run("░" * (BAR_CHARACTERS - n_drawn), "aside"))


def _legend(explanation: Explanation, n_tokens: int) -> Line:
    used = [(part, n) for part, n in explanation.tokens.items() if n]
    named = (run for part, n in used for run in (Run("█ ", part), Run(f"{part} {n}   ")))
    return (*named, Run(f"of {n_tokens} tokens", "aside"))


def _windows(explanation: Explanation) -> Iterator[Line]:
    """What each part of the bar holds, in the order of the prompt."""
    n_files = len({piece.path for piece in explanation.context.stable})
    first, last = explanation.lines["suffix"]
    yield (Run(f"stable: {len(explanation.chosen)} symbols of {n_files} other files, {_forms(explanation)}", "aside"),)
    yield (Run(f"suffix: this file behind the cursor, lines {first} to {last}", "aside"),)
    first, last = explanation.lines["prefix"]
    yield (Run(f"prefix: this file up to the cursor, lines {first} to {last}", "aside"),)


def _forms(explanation: Explanation) -> str:
    """How many symbols are shown in which form."""
    tiers: dict[str, int] = {}
    for each in explanation.chosen:
        tiers[each.tier] = tiers.get(each.tier, 0) + 1
        if each.usage:
            tiers["usage example"] = tiers.get("usage example", 0) + 1
    return ", ".join(f"{n} as {tier}" for tier, n in tiers.items()) or "none"


def _symbol(choice: Choice, where: str = "") -> Line:
    """One symbol: its score, what it costs and in which form, its signature, then what speaks for it."""
    signature = choice.signature.rpartition("\n")[2]
    if MAX_SIGNATURE_CHARACTERS < len(signature):
        signature = signature[:MAX_SIGNATURE_CHARACTERS] + "…"
    form = f"{choice.tier} + call" if choice.usage else choice.tier
    n_tokens = choice.n_tokens + choice.n_usage_tokens
    called = f"   called in {choice.usage}" if choice.usage else ""
    return (
        Run(f"{_INDENT}{choice.score:5.1f} {n_tokens:5d} tok  {form:16} ", "aside"),
        Run(where, "path"),
        Run(signature, "signature"),
        Run(f"{called}   {_reasons(choice.reasons)}", "aside"),
    )


def _reasons(reasons: Sequence[tuple[str, float]]) -> str:
    told = " ".join(f"{name} {share:+g}" for name, share in reasons[:N_REASONS])
    n_more = len(reasons) - N_REASONS
    return f"{told} and {n_more} more" if 0 < n_more else told


def _left_out(explanation: Explanation) -> Iterator[Line]:
    """What is not shown: the best that found no room, then all symbols and files by the rule that leaves them out."""
    if explanation.left_out:
        yield ()
        yield (Run("the best that found no room", "title"),)
        yield from (_symbol(each, where=f"{each.path}:{each.line + 1} ") for each in explanation.left_out)
    if explanation.rules or explanation.files_left_out:
        yield ()
        yield (Run("left out, and why", "title"),)
    yield from (_rule(each) for each in explanation.rules)
    yield from (_files(each) for each in explanation.files_left_out)


def _rule(rule: Rule) -> Line:
    return (Run(f"{_INDENT}{rule.n:7,d} symbols ", "aside"), Run(rule.why))


def _files(left_out: LeftOut) -> Line:
    return (
        Run(f"{_INDENT}{left_out.n:7,d} {'path ' if left_out.n == 1 else 'paths'}   ", "aside"),
        Run(f"{left_out.rule}, such as "),
        Run(left_out.example, "path"),
    )


def _meanings(explanation: Explanation) -> Iterator[Line]:
    """What the features are that the page names."""
    named = _named((*explanation.chosen, *explanation.left_out))
    if named:
        yield ()
        yield (Run("what speaks for a symbol, or against it", "title"),)
        yield from ((Run(f"{_INDENT}{name:16} ", "aside"), Run(MEANINGS[name])) for name in MEANINGS if name in named)


def _named(choices: Iterable[Choice]) -> set[str]:
    return {name for each in choices for name, _ in each.reasons[:N_REASONS]}
