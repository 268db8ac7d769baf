"""Ruff as a checker: what it sees, where, and what cannot steer it."""

import pytest

from devstral_ls.checkers import Problem, Ruff, Severity
from devstral_ls.errors import CheckerFailed
from devstral_ls.text import Document, apply_edits


def check_ruff(text: str, *, path: str = "text.py") -> list[Problem]:
    """What ruff says about `text`."""
    return Ruff().check(Document("file:///text.py", text, path=path))


def test_an_undefined_name_has_the_span_of_the_name() -> None:
    """A problem's span covers exactly the code it speaks of."""
    text = 'def load(x):\n    return "😀", jsn.loads(x)\n'
    (problem,) = check_ruff(text)
    assert ("F821", "jsn", Severity.ERROR) == (problem.code, problem.span.of(text), problem.severity)


def test_a_syntax_error_is_a_problem_too() -> None:
    """Ruff's parser is the syntax checker for Python."""
    assert ["invalid-syntax"] == [problem.code for problem in check_ruff("def f(x)\n    return x\n")]


def test_columns_leave_out_the_byte_order_mark_and_carriage_returns() -> None:
    """Offsets hold in texts with a BOM and Windows line endings."""
    text = "\ufeffx = y\r\nx = z\r\n"
    assert ["y", "z"] == [problem.span.of(text) for problem in check_ruff(text)]


def test_its_own_fix_speaks_in_edits() -> None:
    """Applying ruff's edits gives the text that ruff means."""
    text = "import os\nx = 1\n"
    (problem,) = check_ruff(text)
    assert problem.own_fix is not None
    assert "x = 1\n" == apply_edits(text, problem.own_fix.edits)


def test_other_languages_are_not_its_business() -> None:
    """A text that is not Python has no ruff problems."""
    assert [] == Ruff().check(Document("file:///a.rs", "fn main() {", language_id="rust"))


def test_the_environment_cannot_steer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """RUFF_* variables are withheld from the program."""
    monkeypatch.setenv("RUFF_OUTPUT_FORMAT", "concise")
    assert ["F821"] == [problem.code for problem in check_ruff("y\n")]


def test_a_late_answer_is_no_answer() -> None:
    """A checker that misses its deadline proves nothing."""
    with pytest.raises(CheckerFailed, match="did not answer within 0 ms"):
        Ruff(deadline_ms=0).check(Document("file:///a.py", "x = 1\n"))
