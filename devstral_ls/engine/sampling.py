"""Which token comes next, and how probable it was."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.request import Sampling

Logits = NDArray[np.float32]  # [vocab]
CostOf = Callable[[int], float]  # of a token, in nats; infinite where it may not come

# So many of the most probable tokens are weighed before all are given up.
MAX_WEIGHED_TOKENS = 512


def free(_token: int) -> float:
    """What tokens cost without a rule."""
    return 0.0


# Exponentials of logits up to here, summed over any vocabulary, are far from the ends of float32.
SAFE_LOGIT = 40.0


class Sampler:
    """Chooses one token after the other for one candidate; the same seed chooses the same."""

    __slots__ = ("_random", "_sampling", "_scratch")

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._scratch = np.empty(0, np.float32)

    def choose(
        self, logits: Logits, allowed: NDArray[np.int64] | None = None, *, total: float | None = None
    ) -> tuple[int, float]:
        """A token and its log-probability among the allowed ones (`None`: all); `total` if it is known of all."""
        if allowed is not None:
            index, logprob = self._choose(logits[allowed], None)
            return int(allowed[index]), logprob
        return self._choose(logits, total)

    def choose_weighed(
        self,
        logits: Logits,
        cost_of: CostOf,
        allowed: NDArray[np.int64] | None = None,
        *,
        total: float | None = None,
    ) -> tuple[int, float] | None:
        """As `choose`, with each token's cost taken from its chances; None where all that is probable may not come.

        The log-probability is the one without costs: it says how much the model wanted the token.
        """
        if allowed is None:
            return self._weighed(logits, cost_of, total)
        found = self._weighed(logits[allowed], lambda index: cost_of(int(allowed[index])), None)
        return None if found is None else (int(allowed[found[0]]), found[1])

    def runner_up(
        self, logits: Logits, chosen: int, cost_of: CostOf = free, total: float | None = None
    ) -> tuple[int, float] | None:
        """The best token beside the chosen one, with its log-probability."""
        others = logits.copy()
        others[chosen] = -np.inf
        second = _cheapest(others, cost_of)
        return None if second is None else (second, self._logprob(logits, second, total))

    def _weighed(self, logits: Logits, cost_of: CostOf, total: float | None) -> tuple[int, float] | None:
        choose = _cheapest if self._sampling.temperature <= 0.0 else self._draw_weighed
        index = choose(logits, cost_of)
        return None if index is None else (index, self._logprob(logits, index, total))

    def _choose(self, logits: Logits, total: float | None) -> tuple[int, float]:
        if self._sampling.temperature <= 0.0:
            token = int(logits.argmax())
        else:
            token = int(self._random.choice(len(logits), p=probabilities(logits, self._sampling)))
        return token, self._logprob(logits, token, total)

    def _draw_weighed(self, logits: Logits, cost_of: CostOf) -> int | None:
        """Draws until one is kept: a costly one is kept the more rarely."""
        chances = probabilities(logits, self._sampling)
        for _ in range(MAX_WEIGHED_TOKENS):
            index = int(self._random.choice(len(logits), p=chances))
            if self._random.random() < math.exp(-cost_of(index)):
                return index
        return None

    def _logprob(self, logits: Logits, token: int, total: float | None) -> float:
        return float(logits[token]) - (self._total(logits) if total is None else total)

    def _total(self, logits: Logits) -> float:
        if len(self._scratch) != len(logits):
            self._scratch = np.empty(len(logits), np.float32)
        return log_total(logits, self._scratch)


def log_total(logits: Logits, scratch: Logits) -> float:
    """The log of the sum of all exponentials, without allocating: this runs at every step.

    Logits are small enough to be taken as they are, as a rule; else their size is taken out first.
    """
    top = float(logits.max())
    shift = 0.0 if abs(top) < SAFE_LOGIT else top
    np.exp(logits if not shift else np.subtract(logits, np.float32(shift), out=scratch), out=scratch)
    return shift + math.log(np.add.reduce(scratch))


def _cheapest(logits: Logits, cost_of: CostOf) -> int | None:
    """Where the logit less the cost is highest; costs are asked for only as long as they can matter."""
    first = int(logits.argmax())
    if cost_of(first) <= 0.0:
        return first
    n_weighed = min(MAX_WEIGHED_TOKENS, len(logits))
    likely = np.argpartition(logits, -n_weighed)[-n_weighed:]
    best, best_value = None, -math.inf
    for index in likely[np.argsort(-logits[likely], kind="stable")].tolist():
        if best is not None and logits[index] <= best_value:
            break
        cost = cost_of(index)
        value = float(logits[index]) - cost
        if cost < math.inf and (best is None or best_value < value):
            best, best_value = index, value
    return best


def probabilities(logits: Logits, sampling: Sampling) -> NDArray[np.float64]:
    """What is drawn from: softmax at the temperature, cut by top-k, top-p and min-p in this order."""
    scaled = logits.astype(np.float64) / sampling.temperature
    chances = np.exp(scaled - scaled.max())
    if 0 < sampling.top_k < len(chances):
        chances[chances < np.partition(chances, -sampling.top_k)[-sampling.top_k]] = 0.0
    chances /= chances.sum()
    if sampling.top_p < 1.0:
        chances[chances < _nucleus_floor(chances, sampling.top_p)] = 0.0
    if 0.0 < sampling.min_p:
        chances[chances < sampling.min_p * chances.max()] = 0.0
    return np.asarray(chances / chances.sum())


def _nucleus_floor(chances: NDArray[np.float64], top_p: float) -> float:
    """The smallest chance among the fewest tokens that together reach `top_p`."""
    descending = np.sort(chances)[::-1]
    n_kept = int(np.searchsorted(np.cumsum(descending), top_p)) + 1
    return float(descending[min(n_kept, len(descending)) - 1])
