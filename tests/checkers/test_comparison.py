"""Problems before and after an edit, paired although everything moved."""

from hypothesis import given, strategies as st

from devstral_ls.checkers import Problem, compare
from devstral_ls.text import Edit, Span


def name(code: str, start: int, end: int) -> Problem:
    return Problem("ruff", code, f"Undefined name `{code}`", Span(start, end))


def test_a_problem_that_moved_with_the_text_is_kept() -> None:
    """A line inserted above changes nothing about a problem below."""
    comparison = compare([name("a", 10, 12)], [name("a", 15, 17)], [Edit(Span(0, 0), "12345")])
    assert ([name("a", 10, 12)], ()) == ([*comparison.kept], comparison.new)


def test_the_same_mistake_elsewhere_is_new() -> None:
    """Removing a problem here and making the same one there is no progress."""
    comparison = compare([name("a", 10, 12)], [name("a", 40, 42)], [Edit(Span(10, 12), "bb")])
    assert ((name("a", 10, 12),), (name("a", 40, 42),)) == (comparison.gone, comparison.new)


def test_the_same_mistake_inside_the_edit_is_kept() -> None:
    """An edit that still holds the problem has not removed it."""
    comparison = compare([name("a", 10, 12)], [name("a", 11, 13)], [Edit(Span(10, 12), "(aa)")])
    assert ((), ()) == (comparison.gone, comparison.new)


def test_line_numbers_in_messages_do_not_count() -> None:
    """A redefinition "from line 3" is the same problem when it says line 4."""
    before = Problem("ruff", "F811", "Redefinition of unused `x` from line 3", Span(9, 10))
    after = Problem("ruff", "F811", "Redefinition of unused `x` from line 4", Span(10, 11))
    assert () == compare([before], [after], [Edit(Span(0, 0), "\n")]).new


@given(
    starts=st.lists(st.integers(0, 50), unique=True),
    at=st.integers(0, 60),
    inserted=st.text(max_size=5),
)
def test_an_insertion_between_problems_changes_none(starts: list[int], at: int, inserted: str) -> None:
    """Whatever is inserted outside of all problems, each is kept and none is new."""
    before = [name("a", 2 * start, 2 * start + 1) for start in starts]
    outside = at if at % 2 == 0 else at + 1
    shift = len(inserted)
    after = [name("a", p.span.start + shift, p.span.end + shift) if outside <= p.span.start else p for p in before]
    comparison = compare(before, after, [Edit(Span(outside, outside), inserted)])
    assert (before, ()) == ([*comparison.kept], comparison.new)
