"""How many tokens of other files there is room and time for: what a model has shown that it reads in such a time."""

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the engine comes with numpy and a tokenizer; a caller that has one has loaded them
    from devstral_ls.engine.face import Engine

MIN_STABLE_TOKENS, MAX_STABLE_TOKENS = 512, 32_768
STABLE_SHARE = 0.25  # of the model's window
READING_SHARE = 0.1  # of the time that there is: what other files say helps, the answer is what is waited for
# While somebody types: the most of these that a model reads in the time that one may wait at a new place.
TYPING_TOKENS = (1024, 2048, 4096, 8192)
TYPING_READ_MS = 400
PAUSE_MS = 100  # between two keys: what takes longer to read again is late
MIN_TIMED_TOKENS = 64  # a shorter prompt says nothing about how quickly a long one is read


def window_tokens(engine: "Engine") -> int:
    """How much the model can see at once."""
    found = engine.facts()["window_tokens"]
    assert isinstance(found, int)
    return found


def infill_tokens(engine: "Engine") -> int:
    """How much it should see around a hole: less than its window where it learnt to fill holes in shorter texts."""
    found = engine.facts()["infill_tokens"]
    assert isinstance(found, int)
    return found


def typing_tokens(engine: "Engine", at_most: int) -> int:
    """How much of other files a typing request shows: steps apart, so that two models seldom differ by a little."""
    in_time = (engine.answered.reading_speed or 0.0) * TYPING_READ_MS
    return min(at_most, max((step for step in TYPING_TOKENS if step <= in_time), default=TYPING_TOKENS[0]))


def is_read_in_a_pause(engine: "Engine", n_tokens: int) -> bool:
    """Whether so much can be read again at any key; not so before that is known."""
    return n_tokens <= (engine.answered.reading_speed or 0.0) * PAUSE_MS


def stable_tokens(engine: "Engine", deadline_ms: float) -> int:
    """How much of other files is shown: what the model has lately read in such a time, within its window."""
    times = [each for each in engine.answered.recent() if MIN_TIMED_TOKENS <= each.n_prefilled_tokens]
    tokens_per_ms = median([each.n_prefilled_tokens / max(each.prefill_ms, 1.0) for each in times]) if times else 0.0
    in_time = int(tokens_per_ms * deadline_ms * READING_SHARE)
    most = min(MAX_STABLE_TOKENS, int(window_tokens(engine) * STABLE_SHARE))
    return max(MIN_STABLE_TOKENS, min(in_time, most))
