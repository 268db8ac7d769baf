"""What the texts at hand said in the same place, mixed into what the network says.

A small network knows the language's idioms; the file under the cursor repeats its own names. So the
network's chances p are mixed with those m of the tokens that followed the same last tokens before, once
for each length of context in the ladder, the longest last and strongest:

    p := (1 - w) p + w (1 - e) m

where e is the network's chance that the completion ends here: texts at hand know nothing of that.
What the project's other files said comes first, with a ladder of its own, so that the file's own words outweigh it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, prod

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.match_model import MatchIndex
from devstral_ls.engine.sampling import log_total

# How strong a match of so many tokens is, shortest first; empty: the network speaks alone.
Ladder = Sequence[tuple[int, float]]

Logits = NDArray[np.float32]  # [vocab]
Rungs = list[tuple[float, NDArray[np.int64]]]


@dataclass(frozen=True, slots=True)
class Mixing:
    """How one model mixes."""

    ladder: Ladder
    project_ladder: Ladder  # for what stands in the project's other files
    is_text: NDArray[np.bool_]  # [vocab]; markers are none
    end_tokens: list[int]


class Mixer:
    """Mixes for one request, whose texts are in the indexes."""

    __slots__ = ("_indexes", "_mixed", "_mixing", "_project", "_shares")

    def __init__(self, mixing: Mixing, indexes: Sequence[MatchIndex], project: MatchIndex | None = None) -> None:
        self._mixing = mixing
        self._indexes = indexes
        self._project = [] if project is None else [project]
        self._mixed = np.empty(0, np.float32)  # both [vocab], used at every step
        self._shares = np.zeros(0)

    def mixed(self, logits: Logits, context: NDArray[np.int64]) -> Logits | None:
        """Log-chances of the token behind this context, until the next call; None when nothing like it stood before.

        What every token loses is taken from all at once; what some win is added to these alone.
        """
        mixing = self._mixing
        rungs = [
            *self._rungs(mixing.project_ladder, self._project, context),
            *self._rungs(mixing.ladder, self._indexes, context),
        ]
        if not rungs:
            return None
        if len(self._mixed) != len(logits):
            self._mixed, self._shares = np.empty(len(logits), np.float32), np.zeros(len(logits))
        mixed, end_tokens = self._mixed, mixing.end_tokens
        total = log_total(logits, mixed)
        ends = logits[end_tokens] - total
        kept = prod(1 - weight for weight, _ in rungs)
        np.add(logits, np.float32(log(kept) - total), out=mixed)
        self._add(rungs, 1 - float(np.exp(ends).sum()))
        mixed[end_tokens] = ends
        return mixed

    def _add(self, rungs: Rungs, goes_on: float) -> None:
        """Give the followers their shares; a later rung leaves an earlier one what its own weight leaves."""
        left = goes_on
        for weight, tokens in reversed(rungs):
            np.add.at(self._shares, tokens, left * weight / len(tokens))
            left *= 1 - weight
        voted = np.concatenate([tokens for _, tokens in rungs])
        self._mixed[voted] = np.log(np.exp(self._mixed[voted]) + self._shares[voted])
        self._shares[voted] = 0.0

    def _rungs(self, ladder: Ladder, indexes: Sequence[MatchIndex], context: NDArray[np.int64]) -> Rungs:
        """A ladder's weights with what stood behind as many tokens, shortest first."""
        lengths = [length for length, _ in ladder]
        followers: dict[int, list[NDArray[np.int64]]] = {}
        for index in indexes:
            for match in index.matches(context, lengths):
                followers.setdefault(match.length, []).append(index.tokens[match.places])
        found = [(weight, followers[length]) for length, weight in ladder if length in followers]
        return [(weight, tokens) for weight, each in found if len(tokens := self._text(each))]

    def _text(self, found: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Neither markers nor separators, which are negative."""
        tokens = found[0] if len(found) == 1 else np.concatenate(found)
        known = tokens[tokens >= 0]
        return known[self._mixing.is_text[known]]
