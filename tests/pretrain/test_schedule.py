"""The learning rate warms up, stays, and falls to its end in time."""

from datetime import datetime

import pytest

from onnx_export.pretrain.schedule import FINAL_SHARE, WARM_UP_STEPS, Decay, learning_rate_share, moment

DECAY = Decay(starts=100.0, ends=200.0)


@pytest.mark.parametrize(
    ("step", "decay", "now", "share"),
    [
        (0, None, 0.0, 1 / WARM_UP_STEPS),
        (WARM_UP_STEPS, None, 0.0, 1.0),
        (500, DECAY, 50.0, 1.0),
        (500, DECAY, 150.0, 0.5),
        (500, DECAY, 200.0, FINAL_SHARE),
        (500, DECAY, 900.0, FINAL_SHARE),
    ],
)
def test_share(step: int, decay: Decay | None, now: float, share: float) -> None:
    """Warm-up, steady part, fall by the clock."""
    assert share == learning_rate_share(step, decay, now)


@pytest.mark.parametrize(("text", "day"), [("18:00", 3), ("09:00", 4)])
def test_time_of_day_is_the_next_one(text: str, day: int) -> None:
    """A time that has passed today means tomorrow."""
    now = datetime(2026, 5, 3, 12, 0)  # noqa: DTZ001  local, as people name it
    assert day == datetime.fromtimestamp(moment(text, now.timestamp())).day  # noqa: DTZ006  the same
