"""When a completion that goes on by itself has to be ended."""

from collections.abc import Sequence

REPETITION_WINDOW_TOKENS = 120
MIN_REPEATED_TOKENS = 24
MIN_REPEATS = 3


def is_repeating(tokens: Sequence[int]) -> bool:
    """Whether the tokens end in one phrase said at least three times in a row.

    Reversed, a repeated ending is a repeated beginning; the failure function of Knuth, Morris and
    Pratt gives the period of every beginning in one pass.
    """
    recent = tokens[: -REPETITION_WINDOW_TOKENS - 1 : -1]
    borders = [0] * len(recent)
    for end in range(1, len(recent)):
        border = borders[end - 1]
        while border and recent[end] != recent[border]:
            border = borders[border - 1]
        borders[end] = border + (recent[end] == recent[border])
        length = end + 1
        period = length - borders[end]
        if MIN_REPEATED_TOKENS <= length and MIN_REPEATS * period <= length:
            return True
    return False
