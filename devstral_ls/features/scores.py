"""How good suggestions were, hole by hole and together, and whether one model is better than another."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import fmean

from devstral_ls.features.holes import Hole, Kind
from devstral_ls.features.outcome import Outcome

N_RESAMPLES = 2_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What came of one hole."""

    kind: Kind
    is_shown: bool
    is_exact: bool  # the first line is what its author wrote
    similarity: float  # of the first lines, from 0 to 1
    n_kept: int  # characters at the start that are what the author wrote
    n_shown: int  # characters that were shown
    latency_ms: float
    mean_logprob: float | None
    min_logprob: float | None
    silence: str | None
    passes_tests: bool | None = None  # None where no tests were asked, or where they do not notice


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and where it lies with 95 % confidence."""

    mean: float
    low: float
    high: float


def score(hole: Hole, outcome: Outcome, latency_ms: float) -> Score:
    """Compare the best suggestion with what stood there."""
    best = outcome.suggestions[0] if outcome.suggestions else None
    text = "" if best is None else best.text.strip("\n").replace("\r\n", "\n")
    first, wanted = _first_line(text), _first_line(hole.expected)
    return Score(
        kind=hole.kind,
        is_shown=best is not None,
        is_exact=best is not None and first == wanted,
        similarity=SequenceMatcher(None, first, wanted, autojunk=False).ratio() if best else 0.0,
        n_kept=_n_common(text, hole.expected),
        n_shown=len(text),
        latency_ms=latency_ms,
        mean_logprob=best.mean_logprob if best else None,
        min_logprob=best.min_logprob if best else None,
        silence=outcome.silence,
    )


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean with a bootstrap interval."""
    rng = random.Random(seed)  # noqa: S311  resampling, not secrets
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(N_RESAMPLES))
    tail = (1 - CONFIDENCE) / 2
    return Interval(fmean(values), means[int(tail * N_RESAMPLES)], means[int((1 - tail) * N_RESAMPLES) - 1])


def difference(before: Sequence[Score], after: Sequence[Score], value: Callable[[Score], float]) -> Interval:
    """How much `after` is better than `before` on the same holes."""
    return interval([value(b) - value(a) for a, b in zip(before, after, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0].strip()


def _n_common(a: str, b: str) -> int:
    """The length of the common start."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
