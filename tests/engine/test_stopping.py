"""Phrases that repeat themselves."""

import pytest
from hypothesis import given, strategies as st

from devstral_ls.engine.stopping import MIN_REPEATED_TOKENS, MIN_REPEATS, is_repeating


@given(st.lists(st.integers(), min_size=1, max_size=30), st.lists(st.integers(), max_size=40))
def test_finds_repetition(phrase: list[int], before: list[int]) -> None:
    """A phrase said often enough is found, whatever stood before."""
    repeats = max(MIN_REPEATS, -(-MIN_REPEATED_TOKENS // len(phrase)))
    assert is_repeating(before + phrase * repeats)


@pytest.mark.parametrize("tokens", [[], [1], list(range(100)), [1, 2] * 5, [*range(50), 0, 1, 2]])
def test_leaves_others_alone(tokens: list[int]) -> None:
    """Short repetitions and none at all are text as usual."""
    assert not is_repeating(tokens)
