"""What the texts at hand said in the same place, mixed into what the network says.

A small network knows the language's idioms; the file under the cursor repeats its own names. So the
network's chances p are mixed with those m of the tokens that followed the same last tokens before, once
for each length of context in the ladder, the longest last and strongest:

    p := (1 - w) p + w (1 - e) m

where e is the network's chance that the completion ends here: texts at hand know nothing of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.match_model import MatchIndex

# How strong a match of so many tokens is, shortest first; empty: the network speaks alone.
Ladder = Sequence[tuple[int, float]]

Logits = NDArray[np.float32]  # [vocab]


@dataclass(frozen=True, slots=True)
class Mixing:
    """How one model mixes."""

    ladder: Ladder
    is_text: NDArray[np.bool_]  # [vocab]; markers are none
    end_tokens: list[int]


class Mixer:
    """Mixes for one request, whose texts are in the indexes."""

    __slots__ = ("_indexes", "_mixing")

    def __init__(self, mixing: Mixing, indexes: Sequence[MatchIndex]) -> None:
        self._mixing = mixing
        self._indexes = indexes

    def mixed(self, logits: Logits, context: NDArray[np.int64]) -> Logits:
        """Log-chances of the token behind this context; the logits themselves when nothing like it stood before."""
        chances: NDArray[np.float32] | None = None
        for length, weight in self._mixing.ladder:
            tokens = self._followers(context, length)
            if tokens is None:
                break
            if not len(tokens):
                continue
            if chances is None:
                chances = _softmax(logits)
            self._mix(chances, tokens, weight)
        return logits if chances is None else np.log(chances, out=chances)

    def _mix(self, chances: NDArray[np.float32], tokens: NDArray[np.int64], weight: float) -> None:
        end_tokens = self._mixing.end_tokens
        ends = chances[end_tokens].copy()
        chances *= np.float32(1 - weight)
        np.add.at(chances, tokens, np.float32(weight * (1 - float(ends.sum())) / len(tokens)))
        chances[end_tokens] = ends

    def _followers(self, context: NDArray[np.int64], length: int) -> NDArray[np.int64] | None:
        """What stood behind the last `length` tokens; None when they never stood there."""
        if len(context) < length:
            return None
        found = [(index, index.longest(context[-length:], least=length)) for index in self._indexes]
        matched = [index.tokens[match.places] for index, match in found if match is not None]
        if not matched:
            return None
        tokens = np.concatenate(matched)
        known = tokens[tokens >= 0]  # separators are negative
        return known[self._mixing.is_text[known]]


def _softmax(logits: Logits) -> NDArray[np.float32]:
    """Chances, none of them zero: their logarithm is wanted."""
    chances: NDArray[np.float32] = np.exp(logits - logits.max())
    chances /= chances.sum()
    np.maximum(chances, np.finfo(np.float32).tiny, out=chances)
    return chances
