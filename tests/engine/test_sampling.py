"""Choosing the next token, against the plain formulas."""

import numpy as np
from hypothesis import given, strategies as st

from devstral_ls.engine.request import Sampling
from devstral_ls.engine.sampling import Sampler, probabilities

# Whole numbers: differences too small for a float64 would make ties.
rows = st.lists(st.integers(-40, 40), min_size=2, max_size=40).map(lambda row: np.array(row, np.float32))


@given(rows)
def test_greedy_takes_the_top_with_its_probability(row: np.ndarray) -> None:
    """Temperature 0 takes the largest logit; its log-probability is that of softmax."""
    token, logprob = Sampler(Sampling()).choose(row)
    wide = row.astype(np.float64)
    assert int(row.argmax()) == token
    np.testing.assert_allclose(logprob, wide[token] - np.logaddexp.reduce(wide), atol=1e-5)


@given(rows, st.data())
def test_mask_is_a_smaller_vocabulary(row: np.ndarray, data: st.DataObject) -> None:
    """Choosing among allowed tokens is choosing from a row that has only these."""
    allowed = np.array(sorted(data.draw(st.sets(st.integers(0, len(row) - 1), min_size=1))))
    token, logprob = Sampler(Sampling()).choose(row, allowed)
    index, alone = Sampler(Sampling()).choose(row[allowed])
    assert (int(allowed[index]), alone) == (token, logprob)


@given(rows, st.integers(1, 5))
def test_top_k(row: np.ndarray, top_k: int) -> None:
    """Every token that is left is at least as good as the k-th best, and the best is left."""
    chances = probabilities(row, Sampling(temperature=9.0, top_k=top_k))
    worst_left = row[0 < chances].min()
    assert len({*row[worst_left < row].tolist()}) < top_k
    assert 0 < chances[row.argmax()]


def test_top_p() -> None:
    """The fewest tokens that together reach the share are left."""
    row = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    chances = probabilities(row, Sampling(temperature=1.0, top_p=0.7))
    np.testing.assert_allclose([0.625, 0.375, 0, 0], chances, atol=1e-6)


def test_min_p() -> None:
    """Tokens below a share of the best one's chance are gone."""
    row = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    chances = probabilities(row, Sampling(temperature=1.0, min_p=0.5))
    np.testing.assert_allclose([0.625, 0.375, 0, 0], chances, atol=1e-6)


@given(rows)
def test_runner_up_is_second(row: np.ndarray) -> None:
    """The runner-up is the best of the others."""
    best = int(row.argmax())
    second, logprob = Sampler(Sampling()).runner_up(row, best)
    assert best != second
    assert row[second] == np.delete(row, best).max()
    assert logprob <= 0
