"""Who is sure enough to interrupt."""

from itertools import pairwise

import pytest

from devstral_ls.config import Settings
from devstral_ls.engine.request import Completion, FinishReason
from devstral_ls.features.confidence import THRESHOLDS


def completion(mean_logprob: float, min_logprob: float) -> Completion:
    return Completion("x", FinishReason.END, 1, mean_logprob, min_logprob)


def test_a_quieter_setting_shows_no_more() -> None:
    """Each setting asks at least as much as the one before it."""
    for looser, stricter in pairwise(THRESHOLDS.values()):
        assert looser.mean_logprob <= stricter.mean_logprob
        assert looser.min_logprob <= stricter.min_logprob


def test_the_default_is_one_of_them() -> None:
    """The setting's choices are the thresholds."""
    assert Settings().eagerness in THRESHOLDS


@pytest.mark.parametrize("eagerness", THRESHOLDS)
def test_one_wild_guess_is_enough_to_stay_silent(eagerness: str) -> None:
    """A high mean does not make up for a token that nobody would have guessed."""
    assert THRESHOLDS[eagerness].is_met_by(completion(-0.01, -0.05))
    assert not THRESHOLDS[eagerness].is_met_by(completion(-0.01, -20.0))
