"""Lines and columns, checked against the codecs."""

import pytest
from hypothesis import given, strategies as st

from devstral_ls.text import Document, Encoding, LineIndex, n_characters, n_units

TEXT = st.text(alphabet="a\n\r\x0b\x85\u2028é漢😀", max_size=20)


@given(TEXT)
def test_every_offset_lies_in_its_line(text: str) -> None:
    """The line of an offset starts at or before it, and the next line after it."""
    lines = LineIndex.of(text)
    for offset in range(len(text) + 1):
        line = lines.line_of(offset)
        assert lines.line_start(line) <= offset <= lines.line_start(line + 1)


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_lsp_line_endings_end_lines(separator: str) -> None:
    """Characters that str.splitlines() breaks at stay inside their line."""
    assert 1 == LineIndex.of(f"a{separator}b").n_lines


def test_line_text_has_no_ending() -> None:
    """CRLF, CR and LF all stay outside the line's text."""
    document = Document("file:///a.py", "a\r\nb\rc\nd")
    assert ["a", "b", "c", "d"] == [document.line_text(line) for line in range(4)]


@given(TEXT)
def test_units_agree_with_the_codecs(text: str) -> None:
    """Columns in UTF-8 and UTF-16 equal what the codecs write."""
    assert len(text.encode()) == n_units(text, Encoding.UTF8)
    assert len(text.encode("utf-16-le")) // 2 == n_units(text, Encoding.UTF16)


@given(TEXT, st.sampled_from(list(Encoding)))
def test_columns_round_trip(text: str, encoding: Encoding) -> None:
    """Counting units and counting back gives the same character."""
    for n in range(len(text) + 1):
        assert n == n_characters(text, n_units(text[:n], encoding), encoding)


def test_a_column_inside_a_surrogate_pair_rounds_down() -> None:
    """An editor that points into the middle of a character means its start."""
    assert 1 == n_characters("a😀b", 2, Encoding.UTF16)
