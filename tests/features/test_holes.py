"""Holes in finished code, and what suggestions for them are worth."""

import inspect
import random
import textwrap

import pytest
from feature_fixtures import place_at

from devstral_ls.features.holes import Hole, Kind, holes_in
from devstral_ls.features.outcome import Outcome, Silence, Suggestion, silent
from devstral_ls.features.scores import Score, difference, interval, percentile, score
from devstral_ls.text import Document, Edit, Span

SOURCE = Document("file:///textwrap.py", inspect.getsource(textwrap))
HOLES = holes_in(SOURCE, random.Random(0), 40)


def test_a_hole_and_what_stood_there_are_the_file() -> None:
    """Nothing but the expected text is taken out."""
    assert {SOURCE.text} == {hole.place.before + hole.expected + hole.place.after for hole in HOLES}


def test_all_kinds_come_in_turn() -> None:
    """No kind of position is left out of a small sample."""
    assert set(Kind) == {hole.kind for hole in HOLES[:4]}


def test_the_same_seed_takes_the_same_holes() -> None:
    """Two models are compared on the same positions."""
    assert HOLES == holes_in(SOURCE, random.Random(0), 40)


@pytest.mark.parametrize(
    ("kind", "before", "expected"),
    [
        (Kind.BLOCK_START, "def f(items):\n    $0\n\n\nx = 1\n", "total = len(items)\n    return total"),
        (Kind.BRACKETS, "print($0)\n", "first, second"),
        (Kind.NEW_LINE, "first = one()\n$0\n", "second = two()"),
    ],
)
def test_where_holes_are(kind: Kind, before: str, expected: str) -> None:
    """A block goes to its end, a bracket to its closer, a line to its own end."""
    place = place_at(before)
    text = place.before + expected + place.after
    holes = [hole for hole in holes_in(Document("file:///main.py", text), random.Random(0), 40) if hole.kind is kind]
    assert (place.before, expected, place.after) in [(h.place.before, h.expected, h.place.after) for h in holes]


def scored(suggested: str | None, expected: str = "items.sort()\n    return items") -> Score:
    hole = Hole(Kind.NEW_LINE, place_at("def f(items):\n    $0\n"), expected)
    if suggested is None:
        return score(hole, silent(Silence.UNSURE), 1.0)
    return score(hole, Outcome((Suggestion(Edit(Span(18, 18), suggested), -0.1, -0.5),)), 1.0)


@pytest.mark.parametrize(
    ("suggested", "is_exact", "n_kept"),
    [
        ("items.sort()", True, 12),
        ("items.sort()\n    return None", True, 24),
        ("items.reverse()", False, 6),
        (None, False, 0),
    ],
)
def test_scores(suggested: str | None, *, is_exact: bool, n_kept: int) -> None:
    """The first line counts as a whole, and kept is what nobody would have to type again."""
    found = scored(suggested)
    assert (is_exact, n_kept) == (found.is_exact, found.n_kept)


def test_an_interval_holds_its_mean() -> None:
    """More values make it narrower."""
    few, many = interval([0.0, 1.0] * 5), interval([0.0, 1.0] * 200)
    assert few.low <= few.mean == 0.5 == many.mean <= few.high
    assert many.high - many.low < few.high - few.low


def test_a_difference_is_taken_hole_by_hole() -> None:
    """Equal runs differ by nothing, with certainty."""
    run = [scored("items.sort()"), scored(None)] * 10
    found = difference(run, run, lambda each: float(each.is_exact))
    assert (0.0, 0.0, 0.0) == (found.low, found.mean, found.high)


def test_percentiles() -> None:
    """The 95th of twenty is the last."""
    assert (11, 20) == (percentile(range(1, 21), 0.5), percentile(range(1, 21), 0.95))
