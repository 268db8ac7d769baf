"""Proofs: what counts as gone, as new, and as merely hidden before."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from devstral_ls.checkers import Problem, Ruff
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.fixes import line_edits
from devstral_ls.features.verification import Proof, examine, prove, seen_as
from devstral_ls.text import Document, Edit, Span, apply_edits


def proof(before: str, old: str, new: str) -> Proof:
    """The verdict about replacing `old` by `new`, for the first problem that ruff sees."""
    document = Document("file:///a.py", before, path="a.py")
    baseline = examine(document, (Ruff(),))
    start = before.index(old)
    return prove(baseline, baseline.problems[0], [Edit(Span(start, start + len(old)), new)])


def test_a_problem_that_is_gone_is_proven() -> None:
    """The judges are named."""
    assert Proof(is_proven=True, checked_by=("ruff",)) == proof("import json\n\njson = jsn\n", "jsn", "json")


def test_a_problem_that_stays_is_not() -> None:
    """An edit elsewhere changes nothing."""
    assert "F821 is still there" == proof("x = y\nz = 1\n", "z = 1", "z = 2").reason


def test_a_new_problem_is_an_objection() -> None:
    """The reason names what is new."""
    assert "new: F821 Undefined name `z`" == proof("x = y\n", "y", "z").reason


def test_a_problem_behind_a_syntax_error_was_there_before() -> None:
    """Ruff is blind in a text that does not parse; older problems come to light with the fix."""
    assert proof("import os\n\n\ndef f(x)\n    return x\n", "f(x)", "f(x):").is_proven


def test_a_problem_of_the_edited_line_was_not() -> None:
    """What the new line itself says is judged, also when the text did not parse before."""
    assert "new: F821 Undefined name `z`" == proof("def f(x):\n    return (x\n", "n (x", "n (z)").reason


def test_a_name_that_the_edited_line_no_longer_binds_is_new() -> None:
    """A line that is moved out of a scope takes its names with it."""
    before = "def f(x):\n    if x:\n        y = (1\n    return y\n"
    assert not proof(before, "y = (1", "z = (1)").is_proven


def test_a_problem_that_no_checker_sees_is_not_provable() -> None:
    """A diagnostic of a checker that we do not have cannot be judged."""
    document = Document("file:///a.py", "x = 1\n")
    foreign = Problem("other", "X1", "something", Span(0, 1))
    assert "no checker sees this problem" == prove(examine(document, (Ruff(),)), foreign, []).reason


def test_the_diagnostic_of_another_server_is_recognised() -> None:
    """Pylance and ruff have different codes for the same mistake."""
    document = Document("file:///a.py", "x = jsn\n")
    foreign = Problem("Pylance", "reportUndefinedVariable", '"jsn" is not defined', Span(4, 7))
    assert ["F821"] == [problem.code for problem in seen_as(foreign, examine(document, (Ruff(),)))]


@dataclass(frozen=True, slots=True)
class FailsLater:
    """A checker that answers for the old text only."""

    name: str = "fragile"

    def speaks(self, language_id: str) -> bool:
        return language_id == "python"

    def check(self, document: Document) -> list[Problem]:
        if document.text != "x = y\n":
            raise CheckerFailed("fragile crashed")
        return []


def test_a_checker_that_crashes_proves_nothing() -> None:
    """No answer about the new text is an objection."""
    baseline = examine(Document("file:///a.py", "x = y\n"), (Ruff(), FailsLater()))
    assert Proof(is_proven=False, reason="fragile crashed") == prove(
        baseline, baseline.problems[0], [Edit(Span(4, 5), "1")]
    )


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "d", "\f\n", "é\u2028"]), max_size=12).map("".join)


@given(old=LINES, new=LINES)
def test_line_edits_turn_the_old_text_into_the_new_one(old: str, new: str) -> None:
    """Edits of lines are exact, whatever ends a line."""
    assert new == apply_edits(old, line_edits(old, new))


@pytest.mark.parametrize("names", [("ruff",), ()])
def test_who_took_part_is_said(names: Sequence[str]) -> None:
    """Without a checker there is no proof."""
    checkers = (Ruff(),) if names else ()
    baseline = examine(Document("file:///a.py", "x = y\n"), checkers)
    problem = Problem("ruff", "F821", "Undefined name `y`", Span(4, 5))
    assert names == prove(baseline, problem, [Edit(Span(4, 5), "1")]).checked_by
