"""Who is sure enough to interrupt."""

from itertools import pairwise

import pytest

from devstral_ls.config import Settings
from devstral_ls.engine.request import Completion, FinishReason, LineEnd
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


def block(*sure: float) -> Completion:
    """A body of so many lines, each token of a line as sure as stated."""
    text = "\n".join(f"x = {n}" for n in range(len(sure)))
    ends = tuple(LineEnd(6 * n + 5, min(sure[: n + 1]), min(sure[: n + 1])) for n in range(len(sure) - 1))
    return Completion(text, FinishReason.END, 5 * len(sure), min(sure), min(sure), ends)


def test_a_body_is_shown_as_far_as_the_model_was_sure() -> None:
    """Its first lines, when the next one is a guess."""
    body = block(-0.01, -0.02, -9.0)
    sure = THRESHOLDS["balanced"].sure_part(body, ends=[5, 11, 17])
    assert isinstance(sure, LineEnd)
    assert "x = 0\nx = 1" == body.text[: sure.end]


def test_a_body_is_cut_only_where_a_statement_ends() -> None:
    """Half of a call is of no use."""
    sure = THRESHOLDS["balanced"].sure_part(block(-0.01, -0.02, -9.0), ends=[5, 17])
    assert isinstance(sure, LineEnd)
    assert 5 == sure.end


def test_a_sure_body_is_shown_whole() -> None:
    """And an unsure first line is enough to stay silent."""
    body = block(-0.01, -0.02)
    assert body is THRESHOLDS["balanced"].sure_part(body, ends=[5])
    assert THRESHOLDS["balanced"].sure_part(block(-9.0, -0.01), ends=[5]) is None
