"""Completions that go round in circles."""

import re

_TOKEN = re.compile(r"\w+|[^\w\s]")
_N_ROUNDS = 4  # a piece that stands this often in a row at the end is a loop
_MIN_LOOP_TOKENS = 12


def repeats_itself(text: str) -> bool:
    """Whether the end of `text` is one piece again and again."""
    tokens = _TOKEN.findall(text)[::-1]
    longest_period = len(tokens) // _N_ROUNDS
    return any(_is_loop(tokens, period) for period in range(1, longest_period + 1))


def without_repeated_lines(text: str) -> str:
    """`text` up to the second of two equal statements in a row, which no one writes."""
    lines = text.split("\n")
    for index in range(1, len(lines)):
        line = lines[index].strip()
        if len(line) > len("pass") and line == lines[index - 1].strip() and line[-1] not in ",([{":
            return "\n".join(lines[:index])
    return text


def _is_loop(reversed_tokens: list[str], period: int) -> bool:
    n_needed = max(_N_ROUNDS * period, _MIN_LOOP_TOKENS)
    if len(reversed_tokens) < n_needed:
        return False
    return all(reversed_tokens[i] == reversed_tokens[i + period] for i in range(n_needed - period))
