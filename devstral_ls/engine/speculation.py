"""Drafts for the backend to verify: what stood behind the same words before, as far as that pays.

A step with a draft costs more than a plain one and saves the steps whose tokens it guessed. Both sides are
measured while running: what a step of so many tokens costs on this machine, and how often matches of
this length were right, which can be seen without drafting at all.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.match_model import SEPARATOR, Match, MatchIndex

Tokens = NDArray[np.int64]

DRAFT_LENGTHS = (0, 2, 4, 7, 11, 15)
MIN_MATCH_TOKENS = 3
# A draft has to promise this much more than a plain step: estimates are rough.
MIN_GAIN = 1.15
# After so many searches in vain one step more goes without a search each time, up to a limit: fresh text is not
# made slower, and a copy that begins is seen a few tokens late.
PATIENCE_SEARCHES = 4
MAX_UNSEARCHED_STEPS = 7
# How fast estimates follow what is measured.
LEARNING_RATE = 0.1


class StepCosts:
    """What a step of n tokens costs, as a multiple of a step of one; learned from every step."""

    def __init__(self, learning_rate: float = LEARNING_RATE) -> None:
        self._learning_rate = learning_rate
        # A start from two cores without VNNI; every step on this machine corrects it.
        self._ratio = {1: 1.0, 3: 1.8, 5: 2.3, 8: 3.2, 12: 4.1, 16: 4.9}
        self._one_s = 0.0

    def learn(self, n_tokens: int, seconds: float) -> None:
        if n_tokens == 1:
            self._one_s += (seconds - self._one_s) * (self._learning_rate if self._one_s else 1.0)
        elif n_tokens in self._ratio and self._one_s:
            self._ratio[n_tokens] += (seconds / self._one_s - self._ratio[n_tokens]) * self._learning_rate

    def ratio(self, n_tokens: int) -> float:
        return self._ratio[n_tokens]


class Trust:
    """How often the token behind a match came true, by the length of the match."""

    _BOUNDS = (4, 6, 9, 14, 24)  # lengths below each bound share an estimate

    def __init__(self) -> None:
        self._right = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95]

    def learn(self, length: int, *, was_right: bool) -> None:
        bucket = self._bucket(length)
        self._right[bucket] += (was_right - self._right[bucket]) * LEARNING_RATE

    def chance(self, length: int) -> float:
        return self._right[self._bucket(length)]

    def _bucket(self, length: int) -> int:
        return sum(bound <= length for bound in self._BOUNDS)


class Speculation:
    """What outlives a request: the costs and the trust; one for each loaded model."""

    def __init__(self, costs: StepCosts | None = None) -> None:
        self.costs = costs or StepCosts()
        self.trust = Trust()

    def drafter(self, indexes: Sequence[MatchIndex]) -> "Drafter":
        """Drafts from the prompt itself and from other texts."""
        return Drafter(self, indexes)

    def draft_length(self, match_length: int) -> int:
        """How many tokens to draft behind a match; 0 when plain steps are as fast."""
        chance = min(self.trust.chance(match_length), 0.99)
        gains = {n: (1 - chance ** (n + 1)) / (1 - chance) / self.costs.ratio(n + 1) for n in DRAFT_LENGTHS}
        best = max(gains, key=lambda n: gains[n])
        return best if MIN_GAIN <= gains[best] else 0


class Drafter:
    """Drafts for one request."""

    __slots__ = ("_foretold", "_indexes", "_n_unsearched", "_n_vain", "_speculation")

    def __init__(self, speculation: Speculation, indexes: Sequence[MatchIndex]) -> None:
        self._speculation = speculation
        self._indexes = indexes
        self._foretold: tuple[int, int, int] | None = None  # offset, token, length of the match that said so
        self._n_vain = 0  # searches since the last draft
        self._n_unsearched = 0  # steps still to go without one

    def rests(self) -> bool:
        """Whether this step is to be a plain one, without a search."""
        if not self._n_unsearched:
            return False
        self._n_unsearched -= 1
        return True

    def draft(self, context: Tokens) -> Tokens:
        """Tokens that may follow the context, whose last token was just chosen; none for a plain step."""
        self._learn(context)
        draft = self._found(context)
        self._n_vain = 0 if len(draft) else self._n_vain + 1
        self._n_unsearched = min(MAX_UNSEARCHED_STEPS, self._n_vain // PATIENCE_SEARCHES)
        return draft

    def _found(self, context: Tokens) -> Tokens:
        index, match = self._longest(context)
        if match is None:
            return context[:0]
        place = int(match.places.max())  # the latest of several is the likeliest
        self._foretold = (len(context), int(index.tokens[place]), match.length)
        n_tokens = self._speculation.draft_length(match.length)
        if not n_tokens:
            return context[:0]
        draft = index.tokens[place : place + n_tokens]
        ends = np.flatnonzero(draft == SEPARATOR)
        return draft[: ends[0]] if len(ends) else draft

    def learn_cost(self, n_tokens: int, seconds: float) -> None:
        """A step of so many tokens took so long."""
        self._speculation.costs.learn(n_tokens, seconds)

    def _learn(self, context: Tokens) -> None:
        """Whether what was foretold came true, drafted or not."""
        if self._foretold is None:
            return
        offset, token, length = self._foretold
        self._foretold = None
        if offset < len(context):
            self._speculation.trust.learn(length, was_right=token == context[offset])

    def _longest(self, context: Tokens) -> tuple[MatchIndex, Match | None]:
        best_index, best = self._indexes[0], None
        for index in self._indexes:
            match = index.longest(context, least=1 + best.length if best else MIN_MATCH_TOKENS)
            if match is not None:
                best_index, best = index, match
        return best_index, best
