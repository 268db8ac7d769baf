"""How much of other files a model is shown while somebody types."""

import pytest
from feature_fixtures import scripted_engine

from devstral_ls.engine.answered import N_TIMED
from devstral_ls.engine.request import Metrics
from devstral_ls.features.budgets import is_read_in_a_pause, typing_tokens


@pytest.mark.parametrize(
    ("tokens_a_second", "at_most", "expected"),
    [(500, 8192, 1024), (5_200, 8192, 2048), (90_000, 8192, 8192), (90_000, 3000, 3000), (500, 200, 200)],
)
def test_a_quick_model_is_shown_more(tokens_a_second: int, at_most: int, expected: int) -> None:
    """What it reads in 0.4 seconds, in steps; once known it stays, for the prompt is read again where it changes."""
    engine = scripted_engine({})
    assert min(at_most, 1024) == typing_tokens(engine, at_most)
    for _ in range(N_TIMED):
        engine.answered.add(Metrics(n_prefilled_tokens=100, prefill_ms=0.01))  # too short to tell
        engine.answered.add(Metrics(n_prefilled_tokens=tokens_a_second, prefill_ms=1_000))
    assert expected == typing_tokens(engine, at_most)
    for _ in range(N_TIMED):
        engine.answered.add(Metrics(n_prefilled_tokens=1_000, prefill_ms=10_000))
    assert expected == typing_tokens(engine, at_most)
    engine.close()


def test_what_is_read_again_between_two_keys() -> None:
    """Nothing, before it is known how quickly the model reads; then what takes a tenth of a second."""
    engine = scripted_engine({})
    assert not is_read_in_a_pause(engine, 100)
    for _ in range(N_TIMED):
        engine.answered.add(Metrics(n_prefilled_tokens=5_000, prefill_ms=1_000))
    assert is_read_in_a_pause(engine, 500)
    assert not is_read_in_a_pause(engine, 501)
    engine.close()
