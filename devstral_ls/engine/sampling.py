"""Which token comes next, and how probable it was."""

import math

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.request import Sampling

Logits = NDArray[np.float32]  # [vocab]


class Sampler:
    """Chooses one token after the other for one candidate; the same seed chooses the same."""

    __slots__ = ("_random", "_sampling", "_scratch")

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._scratch = np.empty(0, np.float32)

    def choose(self, logits: Logits, allowed: NDArray[np.int64] | None = None) -> tuple[int, float]:
        """A token and its log-probability among the allowed ones (`None`: all)."""
        if allowed is not None:
            index, logprob = self._choose(logits[allowed])
            return int(allowed[index]), logprob
        return self._choose(logits)

    def runner_up(self, logits: Logits, chosen: int) -> tuple[int, float]:
        """The best token beside the chosen one, with its log-probability."""
        others = logits.copy()
        others[chosen] = -np.inf
        second = int(others.argmax())
        return second, self._logprob(logits, second)

    def _choose(self, logits: Logits) -> tuple[int, float]:
        if self._sampling.temperature <= 0.0:
            token = int(logits.argmax())
            return token, -self._spread(logits, logits[token])
        token = int(self._random.choice(len(logits), p=probabilities(logits, self._sampling)))
        return token, self._logprob(logits, token)

    def _logprob(self, logits: Logits, token: int) -> float:
        top = logits.max()
        return float(logits[token] - top) - self._spread(logits, top)

    def _spread(self, logits: Logits, top: np.float32) -> float:
        """The log of the sum of all chances over the best one's, without allocating: this runs at every step."""
        if len(self._scratch) != len(logits):
            self._scratch = np.empty(len(logits), np.float32)
        scratch = self._scratch
        np.subtract(logits, top, out=scratch)
        np.exp(scratch, out=scratch)
        return math.log(scratch.sum())


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
