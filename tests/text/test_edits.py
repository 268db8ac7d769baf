"""Edits, checked against plain slicing."""

from hypothesis import given, strategies as st

from devstral_ls.text import Edit, Span, apply_edits, smallest_edit

TEXT = st.text(alphabet="ab\n😀", max_size=12)


@given(TEXT, TEXT)
def test_smallest_edit_makes_the_new_text(old: str, new: str) -> None:
    """Applying the smallest edit to the old text gives the new one."""
    edit = smallest_edit(old, new)
    assert new == (old if edit is None else apply_edits(old, [edit]))


def test_smallest_edit_keeps_common_ends() -> None:
    """Only what differs is replaced."""
    assert Edit(Span(1, 2), "x") == smallest_edit("abc", "axc")


def test_edits_speak_of_the_old_text() -> None:
    """Two edits are applied at once, whatever their order."""
    edits = [Edit(Span(2, 3), ""), Edit(Span(0, 1), "xy")]
    assert "xyb" == apply_edits("abc", edits)
