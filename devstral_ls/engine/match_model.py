"""Where has this been said before, and what came next: the longest match of the last tokens in known texts.

One structure serves two ends: its continuations are drafts for speculation, and its counts of next tokens
can be mixed with what the network says.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Longer matches are not told apart.
MAX_MATCH_TOKENS = 64
# More new tokens than this are sorted with all others rather than one by one.
MAX_INSERTED_TOKENS = 256
# Stands between texts that share an index; matches nothing.
SEPARATOR = -1
# Of more places of a match so many speak for all, evenly spaced in the order of what stands further before them.
MAX_PLACES = 256
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

    __slots__ = ("_places", "_words", "tokens")

    def __init__(self, tokens: NDArray[np.int64], places: list[int] | None = None) -> None:
        self.tokens = tokens
        # Plain lists: the search looks at single numbers, and does so at every step.
        self._words: list[int] = tokens.tolist()
        # A place needs a token behind it to be of use, so the end of the text is none.
        self._places: list[int] = _sorted_places(tokens).tolist() if places is None else places

    def longest(self, context: Sequence[int] | NDArray[np.int64], *, least: int = 1) -> Match | None:
        """The longest match of the context's end that is at least `least` tokens long."""
        found = list(self._ranges(context))
        return Match(len(found), np.array(self._places[slice(*found[-1])])) if max(1, least) <= len(found) else None

    def matches(self, context: NDArray[np.int64], lengths: Sequence[int]) -> Iterator[Match]:
        """The matches of the context's last tokens, so many each time, from one search; none of what has none."""
        found = list(self._ranges(context[-max(lengths, default=1) :]))
        for length in lengths:
            if length <= len(found):
                first, end = found[length - 1]
                step = -(-(end - first) // MAX_PLACES)
                yield Match(length, np.array(self._places[first:end:step]))

    def grown(self, tokens: NDArray[np.int64]) -> "MatchIndex":
        """The index of another text, made from this one as far as both begin alike.

        The order of places depends on what stands before them only, so those of the common beginning keep theirs.
        """
        shared = _n_shared(self.tokens, tokens)
        if len(tokens) - shared > MAX_INSERTED_TOKENS:
            return MatchIndex(tokens)
        last = max(0, min(shared, len(self.tokens) - 1, len(tokens) - 1))
        index = MatchIndex(tokens, [place for place in self._places if place <= last])
        for place in range(last + 1, len(tokens)):
            index._insert(place)
        return index

    def _insert(self, place: int) -> None:
        insort(self._places, place, key=self._words_before)

    def _words_before(self, place: int) -> list[int]:
        """Backwards, as places are sorted."""
        start = place - 1 - MAX_MATCH_TOKENS
        return self._words[place - 1 : start if 0 <= start else None : -1]

    def _ranges(self, context: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Of the sorted places those that match 1, 2, 3 … of the context's last tokens, while there are any."""
        low, high = 0, len(self._places)
        tail = context[-MAX_MATCH_TOKENS:]
        for depth, token in enumerate(reversed(tail.tolist() if isinstance(tail, np.ndarray) else tail)):
            low, high = self._narrow(token, depth, low, high)
            if low == high:
                return
            yield low, high

    def _narrow(self, token: int, depth: int, low: int, high: int) -> tuple[int, int]:
        """The part of [low, high) where this token stands `depth` tokens before the place's last one."""
        words, places = self._words, self._places
        if high - low == 1:
            at = places[low] - 1 - depth
            return (low, high) if 0 <= at and words[at] == token else (low, low)
        key = lambda place: words[place - 1 - depth] if depth < place else _BEFORE_THE_START  # noqa: E731 - of two calls
        low = bisect_left(places, token, low, high, key=key)
        return low, bisect_right(places, token, low, high, key=key)


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
            self._index = self._index.grown(tokens.copy())
        return self._index


def _indexed_part(prompt: NDArray[np.int64]) -> NDArray[np.int64]:
    surplus = max(0, len(prompt) - MAX_INDEXED_TOKENS)
    return prompt[-(-surplus // INDEX_STEP_TOKENS) * INDEX_STEP_TOKENS :]


def _n_shared(left: NDArray[np.int64], right: NDArray[np.int64]) -> int:
    n = min(len(left), len(right))
    differs = left[:n] != right[:n]
    return int(differs.argmax()) if differs.any() else n


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
