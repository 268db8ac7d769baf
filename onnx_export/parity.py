"""Compares logits with a reference and says PASS, FAIL or AMBIGUOUS, with the reason."""

from dataclasses import dataclass
from enum import StrEnum, auto

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Outcome(StrEnum):
    """AMBIGUOUS: only choices between nearly equal logits differ."""

    PASS = auto()
    FAIL = auto()
    AMBIGUOUS = auto()


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences are in units of the reference's standard deviation."""

    outcome: Outcome
    reason: str
    largest: float
    root_mean_square: float
    same_choice: float


def compare(logits: Floats, reference: Floats, tolerance: float) -> Parity:
    """Compare [n, vocab] with [n, vocab]; `tolerance` in standard deviations of the reference."""
    assert logits.shape == reference.shape
    spread = float(reference.std())
    difference = np.abs(logits - reference) / spread
    largest = float(difference.max())
    differing = np.flatnonzero(logits.argmax(-1) != reference.argmax(-1))
    gaps = [_gap(reference[row], int(logits[row].argmax())) / spread for row in differing]
    same = 1 - len(differing) / len(reference)
    outcome, reason = _judge(largest, gaps, tolerance)
    return Parity(outcome, reason, largest, float(np.sqrt((difference**2).mean())), same)


def _gap(row: Floats, chosen: int) -> float:
    return float(row.max() - row[chosen])


def _judge(largest: float, gaps: list[float], tolerance: float) -> tuple[Outcome, str]:
    if not largest <= tolerance:
        return Outcome.FAIL, f"largest difference {largest:.1e} exceeds {tolerance:.0e}"
    if not gaps:
        return Outcome.PASS, f"largest difference {largest:.1e}, every choice the same"
    return Outcome.AMBIGUOUS, f"{len(gaps)} choices differ, between logits at most {max(gaps):.1e} apart"
