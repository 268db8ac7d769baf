"""Where has this been said before, and what came next: the longest match of the last tokens in known texts.

One structure serves two ends: its continuations are drafts for speculation, and its counts of next tokens
can be mixed with what the network says.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# Longer matches are not told apart.
MAX_MATCH_TOKENS = 64
# More new tokens than this are sorted with all others rather than one by one.
MAX_INSERTED_TOKENS = 256
# Stands between texts that share an index; matches nothing.
SEPARATOR = -1
# The text behind the last index that may go unsearched before a new index is made.
MAX_UNINDEXED_TOKENS = 256
# Of a long prompt only the end is indexed, from a multiple of the step on: it stays put while typing.
MAX_INDEXED_TOKENS = 16_384
INDEX_STEP_TOKENS = 4_096
_BEFORE_THE_START = -2  # sorts first, as it does in the index
# So many last tokens are compared at once, each in so many bits: any vocabulary fits, and the number is a plain int.
KEY_TOKENS, KEY_BITS = 3, 21

Range = tuple[int, int]  # of sorted places: the first, and the one behind the last


@dataclass(frozen=True, slots=True)
class Match:
    """The places in a text behind which the last `length` tokens of a context stand."""

    length: int
    places: NDArray[np.int64]  # offsets of the next token, at least one


class MatchIndex:
    """A text's places, sorted by the tokens before them read backwards: a suffix array of the reversed text.

    The longest match of a context is then one narrowing search from its last token to its first.
    """

    def __init__(self, tokens: NDArray[np.int64], places: "array[int] | None" = None) -> None:
        self.tokens = tokens
        # The search looks at single numbers, and does so at every step.
        self._words = _plain(tokens)
        # A place needs a token behind it to be of use, so the end of the text is none.
        self._places = _plain(_sorted_places(tokens)) if places is None else places
        self._searched = b""
        self._found: list[Range] = []

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Where each token of the text stands that has one before it, sorted by what stands before."""
        return np.frombuffer(self._places, np.int64)

    def prepared(self) -> "MatchIndex":
        """Itself, when all is computed that the first search would have to wait for."""
        _ = self._keys
        return self

    def longest(self, context: NDArray[np.int64], *, least: int = 1) -> Match | None:
        """The longest match of the context's end that is at least `least` tokens long."""
        found = self.ranges(context)
        if len(found) < max(1, least):
            return None
        low, high = found[-1]
        return Match(len(found), self.places[low:high])

    def ranges(self, context: NDArray[np.int64]) -> list[Range]:
        """Of the sorted places those that match 1, 2, 3 … of the context's last tokens, while there are any.

        Drafts and mixing look for the same tokens one after the other, so the last search is kept.
        """
        tail = context[-MAX_MATCH_TOKENS:]
        searched = tail.tobytes()
        if searched != self._searched:
            self._searched, self._found = searched, self._search(tail.tolist())
        return self._found

    def grown(self, tokens: NDArray[np.int64]) -> "MatchIndex":
        """The index of another text, made from this one as far as both begin alike.

        The order of places depends on what stands before them only, so those of the common beginning keep theirs.
        """
        shared = _n_shared(self.tokens, tokens)
        if len(tokens) - shared > MAX_INSERTED_TOKENS:
            return MatchIndex(tokens)
        last = max(0, min(shared, len(self.tokens) - 1, len(tokens) - 1))
        index = MatchIndex(tokens, _plain(self.places[self.places <= last]))
        for place in range(last + 1, len(tokens)):
            index._insert(place)
        return index

    def _insert(self, place: int) -> None:
        insort(self._places, place, key=self._words_before)

    def _words_before(self, place: int) -> "array[int]":
        """Backwards, as places are sorted."""
        start = place - 1 - MAX_MATCH_TOKENS
        return self._words[place - 1 : start if 0 <= start else None : -1]

    @cached_property
    def _keys(self) -> "array[int]":
        """The last tokens before each sorted place as one number: most searches are decided by comparing these."""
        keys = np.zeros_like(self.places)
        for depth in range(KEY_TOKENS):
            at = self.places - 1 - depth
            keys = keys << KEY_BITS | np.where(0 <= at, self.tokens[at], _BEFORE_THE_START) - _BEFORE_THE_START
        return _plain(keys)

    def _search(self, tail: list[int]) -> list[Range]:
        found: list[Range] = []
        low, high, key = 0, len(self._places), 0
        for depth, token in enumerate(reversed(tail)):
            if depth < KEY_TOKENS:
                key = key << KEY_BITS | token - _BEFORE_THE_START
                low, high = self._narrow_by_key(key, (KEY_TOKENS - 1 - depth) * KEY_BITS, low, high)
            else:
                low, high = self._narrow(token, depth, low, high)
            if low == high:
                return found
            found.append((low, high))
            if low + 1 == high:
                return found + found[-1:] * self._n_alike(tail, self._places[low], depth + 1)
        return found

    def _narrow_by_key(self, key: int, n_bits_left: int, low: int, high: int) -> Range:
        low = bisect_left(self._keys, key << n_bits_left, low, high)
        return low, bisect_left(self._keys, key + 1 << n_bits_left, low, high)

    def _narrow(self, token: int, depth: int, low: int, high: int) -> Range:
        """The part of [low, high) where this token stands `depth` tokens before the place's last one."""
        words, places = self._words, self._places
        key = lambda place: words[place - 1 - depth] if depth < place else _BEFORE_THE_START  # noqa: E731 - of two calls
        low = bisect_left(places, token, low, high, key=key)
        return low, bisect_right(places, token, low, high, key=key)

    def _n_alike(self, tail: list[int], place: int, depth: int) -> int:
        """How many more tokens match at a place where `depth` do."""
        words, n = self._words, depth
        while n < min(len(tail), place) and words[place - 1 - n] == tail[-1 - n]:
            n += 1
        return n - depth


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


def _plain(numbers: NDArray[np.int64]) -> "array[int]":
    """The same numbers where Python reads one faster, and without an object for each."""
    return array("q", np.ascontiguousarray(numbers, np.int64).tobytes())


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
