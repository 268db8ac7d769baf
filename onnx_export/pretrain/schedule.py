"""When to learn how fast: a short warm-up, a long steady part, a decay that ends at a given time.

The steady part has no planned length, so training may be stopped, resumed and decayed at any moment.
A decay by the clock ends in time however slow a shared machine is; one by steps repeats exactly.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

WARM_UP_STEPS = 40
FINAL_SHARE = 0.02  # of the peak learning rate


@dataclass(frozen=True, slots=True)
class Decay:
    """A linear fall of the learning rate between two moments: seconds since the epoch, or steps."""

    starts: float
    ends: float

    def __post_init__(self) -> None:
        assert self.starts < self.ends


def learning_rate_share(step: int, decay: Decay | None, now: float) -> float:
    """The share of the peak learning rate that a step gets; `now` is told as the decay is."""
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    if decay is None or now <= decay.starts:
        return warm_up
    left = (decay.ends - now) / (decay.ends - decay.starts)
    return warm_up * max(FINAL_SHARE, left)


def moment(text: str, now_s: float | None = None) -> float:
    """Seconds since the epoch for a time of day `HH:MM`, the next one to come."""
    now = datetime.fromtimestamp(time.time() if now_s is None else now_s)  # noqa: DTZ006  people name local times
    hour, minute = map(int, text.split(":"))
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (then if now < then else then + timedelta(days=1)).timestamp()
