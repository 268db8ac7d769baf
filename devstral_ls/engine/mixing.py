"""What the texts at hand said in the same place, mixed into what the network says.

A small network knows the language's idioms; the file under the cursor repeats its own names. So the
network's chances p are mixed with those m of the tokens that followed the same last tokens before, once
for each length of context in the ladder, the longest last and strongest:

    p := (1 - w) p + w (1 - e) m

where e is the network's chance that the completion ends here: texts at hand know nothing of that.
What the project's other files said comes first, with a ladder of its own, so that the file's own words outweigh it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log, prod
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.match_model import MatchIndex, Range
from devstral_ls.engine.sampling import log_total

# How strong a match of so many tokens is, shortest first; empty: the network speaks alone.
Ladder = Sequence[tuple[int, float]]
# Of more places of a match so many speak for all, evenly spaced in the order of what stands further before them.
MAX_PLACES = 256

Logits = NDArray[np.float32]  # [vocab]
Tokens = NDArray[np.int64]
Rungs = list[tuple[float, Tokens]]


@dataclass(frozen=True, slots=True)
class Mixing:
    """How one model mixes, and what is known of the texts that it mixes in."""

    ladder: Ladder
    project_ladder: Ladder  # for what stands in the project's other files
    is_text: NDArray[np.bool_]  # [vocab]; markers are none
    end_tokens: list[int]
    voices: "WeakKeyDictionary[MatchIndex, Voices]" = field(default_factory=WeakKeyDictionary)

    def voices_of(self, index: MatchIndex) -> "Voices":
        """Found once for each index: a project's is large."""
        found = self.voices.get(index)
        if found is None:
            found = self.voices[index] = Voices(index, self.is_text)
        return found


class Voices:
    """The tokens behind the sorted places of an index; neither markers nor separators, which are negative."""

    __slots__ = ("_n_before", "_tokens")

    def __init__(self, index: MatchIndex, is_text: NDArray[np.bool_]) -> None:
        followers = index.tokens[index.places]
        speaks = (0 <= followers) & is_text[np.maximum(followers, 0)]
        self._n_before = np.concatenate([[0], np.cumsum(speaks)])  # voices before each sorted place
        self._tokens = followers[speaks]

    def behind(self, places: Range) -> Tokens:
        """Of some of the sorted places, or of as many of them as count."""
        low, high = places
        first, end = int(self._n_before[low]), int(self._n_before[high])
        step = -(-(end - first) // MAX_PLACES)
        return self._tokens[first : end : max(1, step)]


class Mixer:
    """Mixes for one request, whose texts are in the indexes."""

    __slots__ = ("_indexes", "_mixed", "_mixing", "_project", "_shares")

    def __init__(self, mixing: Mixing, indexes: Sequence[MatchIndex], project: MatchIndex | None = None) -> None:
        self._mixing = mixing
        self._indexes = [(index, mixing.voices_of(index)) for index in indexes]
        self._project = [] if project is None else [(project, mixing.voices_of(project))]
        self._mixed = np.empty(0, np.float32)  # both [vocab], used at every step
        self._shares = np.zeros(0)

    def mixed(self, logits: Logits, context: Tokens, *, total: float | None = None) -> Logits | None:
        """Log-chances of the token behind this context, until the next call; None when nothing like it stood before.

        `total` is the log of the sum of the logits' exponentials, if it is known.
        What every token loses is taken from all at once; what some win is added to these alone.
        """
        mixing = self._mixing
        rungs = [
            *_rungs(mixing.project_ladder, self._project, context),
            *_rungs(mixing.ladder, self._indexes, context),
        ]
        if not rungs:
            return None
        if len(self._mixed) != len(logits):
            self._mixed, self._shares = np.empty(len(logits), np.float32), np.zeros(len(logits))
        mixed, end_tokens = self._mixed, mixing.end_tokens
        total = log_total(logits, mixed) if total is None else total
        ends = [float(logits[token]) - total for token in end_tokens]
        kept = prod(1 - weight for weight, _ in rungs)
        np.add(logits, np.float32(log(kept) - total), out=mixed)
        self._add(rungs, 1 - sum(map(exp, ends)))
        mixed[end_tokens] = ends
        return mixed

    def _add(self, rungs: Rungs, goes_on: float) -> None:
        """Give the followers their shares; a later rung leaves an earlier one what its own weight leaves."""
        left, shares = goes_on, []
        for weight, tokens in reversed(rungs):
            shares.append(left * weight / len(tokens))
            left *= 1 - weight
        voted = np.concatenate([tokens for _, tokens in rungs])
        np.add.at(self._shares, voted, np.repeat(shares[::-1], [len(tokens) for _, tokens in rungs]))
        self._mixed[voted] = np.log(np.exp(self._mixed[voted]) + self._shares[voted])
        self._shares[voted] = 0.0


def _rungs(ladder: Ladder, texts: Sequence[tuple[MatchIndex, Voices]], context: Tokens) -> Rungs:
    """A ladder's weights with what stood behind as many tokens, shortest first."""
    found = [(index.ranges(context), voices) for index, voices in texts] if ladder else []
    behind = [
        (weight, [voices.behind(ranges[length - 1]) for ranges, voices in found if length <= len(ranges)])
        for length, weight in ladder
    ]
    joined = [(weight, each[0] if len(each) == 1 else np.concatenate(each)) for weight, each in behind if each]
    return [(weight, tokens) for weight, tokens in joined if len(tokens)]
