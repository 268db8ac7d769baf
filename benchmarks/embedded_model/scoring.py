"""How near a suggestion is to what the author wrote."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

_NAME = re.compile(r"\w*")


def wanted_part(task: str, text: str) -> str:
    """What of a text the task asks for: a line, a name, or a block."""
    if task == "block":
        return text.strip("\n").rstrip()
    if task == "after dot":
        return _first_name(text)
    if task == "arguments":
        return _inside(text).strip()
    return text.lstrip("\n").split("\n", 1)[0].strip()


def line_end(text: str) -> int | None:
    """Where to stop writing: behind the first line that is not blank."""
    written = len(text) - len(text.lstrip("\n"))
    end = text.find("\n", written)
    return None if end < 0 or not text[:end].strip() else end


def similarity(suggested: str, expected: str) -> float:
    """1 for equal texts, 0 for texts that share nothing."""
    return SequenceMatcher(None, suggested, expected, autojunk=False).ratio()


def precision_at_coverage(scored: Sequence[tuple[float, bool]], coverage: float) -> float:
    """How often the surest suggestions are right, when only this share of them is shown."""
    surest = sorted(scored, key=lambda pair: -pair[0])[: max(1, round(coverage * len(scored)))]
    return sum(right for _, right in surest) / len(surest)


def calibration(scored: Sequence[tuple[float, bool]], n_buckets: int) -> list[dict[str, float]]:
    """Buckets of equal size by the told chance: what was told on average, and how often it was right."""
    by_chance = sorted(scored)
    edges = [len(by_chance) * n // n_buckets for n in range(n_buckets + 1)]
    buckets = [by_chance[low:high] for low, high in pairwise(edges) if low < high]
    return [
        {
            "told": round(sum(chance for chance, _ in bucket) / len(bucket), 3),
            "right": round(sum(right for _, right in bucket) / len(bucket), 3),
        }
        for bucket in buckets
    ]


def _first_name(text: str) -> str:
    found = _NAME.match(text)
    assert found is not None
    return found[0]


def _inside(text: str) -> str:
    """The text up to the bracket that closes what was open before it: the suffix has that one already."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0 or character == "\n":
            return text[:at]
    return text
