"""Where has this been said before, and what came next: the longest match of the last tokens in known texts.

One structure serves two ends: its continuations are drafts for speculation, and its counts of next tokens
can be mixed with what the network says.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Longer matches are not told apart.
MAX_MATCH_TOKENS = 64
# Stands between texts that share an index; matches nothing.
SEPARATOR = -1
# The text behind the last index that may go unsearched before a new index is made.
MAX_UNINDEXED_TOKENS = 256
# Of a long prompt only the end is indexed, from a multiple of the step on: it stays put while typing.
MAX_INDEXED_TOKENS = 16_384
INDEX_STEP_TOKENS = 4_096
_BEFORE_THE_START = -2  # sorts first, as it does in the index


@dataclass(frozen=True, slots=True)
class Match:
    """The places in a text behind which the last `length` tokens of a context stand."""

    length: int
    places: NDArray[np.int64]  # offsets of the next token, at least one


class MatchIndex:
    """A text's places, sorted by the tokens before them read backwards: a suffix array of the reversed text.

    The longest match of a context is then one narrowing search from its last token to its first.
    """

    __slots__ = ("_places", "_starts", "tokens")

    def __init__(self, tokens: NDArray[np.int64]) -> None:
        self.tokens = tokens
        # A place needs a token behind it to be of use, so the end of the text is none.
        self._places = _sorted_places(tokens)
        last = tokens[self._places - 1]
        top = int(last.max(initial=-1)) + 1
        self._starts = np.searchsorted(last, np.arange(top + 1)).tolist()  # where each last token begins

    def longest(self, context: Sequence[int] | NDArray[np.int64], *, least: int = 1) -> Match | None:
        """The longest match of the context's end that is at least `least` tokens long."""
        depth, low, high = 0, 0, len(self._places)
        for token in reversed(context[-MAX_MATCH_TOKENS:]):
            narrower = self._narrow(int(token), depth, low, high)
            if narrower is None:
                break
            low, high = narrower
            depth += 1
        return Match(depth, self._places[low:high]) if least <= depth else None

    def _narrow(self, token: int, depth: int, low: int, high: int) -> tuple[int, int] | None:
        """The part of [low, high) where this token stands `depth` tokens before the place's last one."""
        if not depth:
            known = 0 <= token < len(self._starts) - 1
            low, high = (self._starts[token], self._starts[token + 1]) if known else (0, 0)
        elif high - low == 1:
            high -= self._before(self._places[low], depth) != token
        else:
            key = lambda place: self._before(place, depth)  # noqa: E731 - one argument of two calls
            low, high = (
                bisect_left(self._places, token, low, high, key=key),
                bisect_right(self._places, token, low, high, key=key),
            )
        return (low, high) if low < high else None

    def _before(self, place: int, depth: int) -> int:
        at = place - 1 - depth
        return int(self.tokens[at]) if 0 <= at else _BEFORE_THE_START


class PromptIndexes:
    """The indexes of the last prompt and of the last references; new ones are made when these have changed."""

    __slots__ = ("_index", "_reference_index", "_references")

    def __init__(self) -> None:
        self._index = MatchIndex(np.empty(0, np.int64))
        self._references: tuple[str, ...] = ()
        self._reference_index = self._index

    def of_references(
        self, references: tuple[str, ...], encode: Callable[[str], NDArray[np.int64]]
    ) -> list[MatchIndex]:
        """One index of all these texts, or none."""
        if references != self._references:
            self._references = references
            self._reference_index = MatchIndex(joined([encode(text) for text in references]))
        return [self._reference_index] if references else []

    def exact(self, prompt: NDArray[np.int64]) -> MatchIndex:
        """An index of all of this prompt: the same for the same prompt, whatever was asked before."""
        return self._made(_indexed_part(prompt))

    def lagging(self, prompt: NDArray[np.int64]) -> MatchIndex:
        """The last index, while the prompt has only grown a little since: for drafts, which change no text."""
        tokens = _indexed_part(prompt)
        known = self._index.tokens
        unindexed = len(tokens) - len(known)
        has_grown_little = 0 <= unindexed <= min(MAX_UNINDEXED_TOKENS, len(known) // 8)
        if has_grown_little and np.array_equal(known, tokens[: len(known)]):
            return self._index
        return self._made(tokens)

    def _made(self, tokens: NDArray[np.int64]) -> MatchIndex:
        if not np.array_equal(self._index.tokens, tokens):
            self._index = MatchIndex(tokens.copy())
        return self._index


def _indexed_part(prompt: NDArray[np.int64]) -> NDArray[np.int64]:
    surplus = max(0, len(prompt) - MAX_INDEXED_TOKENS)
    return prompt[-(-surplus // INDEX_STEP_TOKENS) * INDEX_STEP_TOKENS :]


def joined(texts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Several texts as one to be indexed; no match reaches from one into the next."""
    border = np.array([SEPARATOR], np.int64)
    return np.concatenate([part for text in texts for part in (text, border)] or [border])


def _sorted_places(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places 1 … n-1, sorted by up to MAX_MATCH_TOKENS tokens before them.

    Prefix doubling: ranks by the last d tokens give ranks by the last 2d.
    """
    n = len(tokens)
    if n < 2:
        return np.empty(0, np.int64)
    rank = np.concatenate([[0], np.unique(tokens[:-1], return_inverse=True)[1] + 1])  # [n], by place
    depth = 1
    while depth < MAX_MATCH_TOKENS and rank.max() < n - 1:
        further = np.zeros_like(rank)
        further[depth:] = rank[:-depth]
        rank = np.unique(rank * n + further, return_inverse=True)[1]
        depth *= 2
    return np.argsort(rank, kind="stable")[1:]
