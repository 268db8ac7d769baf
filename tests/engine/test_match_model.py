"""The longest match of a context, against a look at every place."""

import numpy as np
from hypothesis import given, strategies as st

from devstral_ls.engine.match_model import MAX_INDEXED_TOKENS, MatchIndex, PromptIndexes, joined

tokens = st.lists(st.integers(0, 3), max_size=40)


def places_of_longest(text: list[int], context: list[int]) -> tuple[int, list[int]]:
    """The definition, read aloud."""
    lengths = {place: shared_end(text[:place], context) for place in range(1, len(text))}
    longest = max(lengths.values(), default=0)
    return longest, [place for place, length in lengths.items() if 0 < length == longest]


def shared_end(left: list[int], right: list[int]) -> int:
    n = 0
    while n < min(len(left), len(right)) and left[-1 - n] == right[-1 - n]:
        n += 1
    return n


@given(tokens, tokens)
def test_longest_match(text: list[int], context: list[int]) -> None:
    """The index finds the same places as the definition."""
    match = MatchIndex(np.array(text, np.int64)).longest(np.array(context, np.int64))
    found = (match.length, sorted(match.places.tolist())) if match else (0, [])
    assert places_of_longest(text, context) == found


@given(tokens, tokens, tokens, tokens)
def test_grown_index_is_a_new_one(beginning: list[int], old: list[int], new: list[int], context: list[int]) -> None:
    """An index made from that of a text with the same beginning finds what one made from nothing finds."""
    grown = MatchIndex(np.array(beginning + old, np.int64)).grown(np.array(beginning + new, np.int64))
    match = grown.longest(np.array(context, np.int64))
    found = (match.length, sorted(match.places.tolist())) if match else (0, [])
    assert places_of_longest(beginning + new, context) == found


@given(tokens, tokens)
def test_matches_of_all_lengths(text: list[int], context: list[int]) -> None:
    """One search finds what a search for each length finds, also the second time."""
    index, asked = MatchIndex(np.array(text, np.int64)), np.array(context, np.int64)
    alone = [index.longest(asked[-length:], least=length) for length in range(1, 1 + len(context))]
    expected = [match.places.tolist() for match in alone if match]
    assert [expected] * 2 == [[index.places[slice(*found)].tolist() for found in index.ranges(asked)] for _ in "ab"]


@given(st.lists(tokens, max_size=4), tokens)
def test_no_match_crosses_texts(texts: list[list[int]], context: list[int]) -> None:
    """Several texts in one index match as each of them alone."""
    match = MatchIndex(joined([np.array(text, np.int64) for text in texts])).longest(np.array(context, np.int64))
    alone = [places_of_longest([*text, -1], context)[0] for text in texts]
    assert max(alone, default=0) == (match.length if match else 0)


def test_grown_prompt_keeps_its_index() -> None:
    """Typing does not index the whole prompt at each key."""
    indexes, text = PromptIndexes(), np.arange(5000)
    first = indexes.lagging(text[:4000])
    assert first is indexes.lagging(text[:4100])
    assert first is not indexes.lagging(text[:4900])


def test_exact_index_is_of_the_whole_prompt() -> None:
    """What changes a text does not depend on what was asked before."""
    indexes, text = PromptIndexes(), np.arange(5000)
    indexes.exact(text[:4000])
    assert 4100 == len(indexes.exact(text[:4100]).tokens)


def test_far_ends_of_long_prompts_are_not_indexed() -> None:
    """The part that is indexed stays put while somebody types."""
    indexes, text = PromptIndexes(), np.arange(100_000)
    first = indexes.lagging(text[:90_000])
    assert first is indexes.lagging(text[:90_100])
    assert len(first.tokens) <= MAX_INDEXED_TOKENS
