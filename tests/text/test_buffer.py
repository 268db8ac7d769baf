"""Buffers under edit, checked against plain strings."""

from hypothesis import given, strategies as st

from devstral_ls.text import Buffer, Edit, LineIndex, Span, apply_edits

TEXT = st.text(alphabet="ab\n\r\x0c\u2028😀", max_size=40)
PIECE_CHARACTERS = 4  # so that short texts have many pieces


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    """A text, and edits that each fit the text the earlier ones made."""
    text = start = draw(TEXT)
    edits = []
    for _ in range(draw(st.integers(0, 8))):
        begin = draw(st.integers(0, len(text)))
        edits.append(Edit(Span(begin, draw(st.integers(begin, len(text)))), draw(TEXT)))
        text = apply_edits(text, edits[-1:])
    return start, edits


def edited(start: str, edits: list[Edit]) -> tuple[Buffer, str]:
    """The same history in a buffer and in a string."""
    buffer, text = Buffer.of(start, piece_characters=PIECE_CHARACTERS), start
    for edit in edits:
        buffer, text = buffer.edited(edit), apply_edits(text, [edit])
    return buffer, text


@given(histories())
def test_a_buffer_holds_the_text_of_its_history(history: tuple[str, list[Edit]]) -> None:
    """Edits in a buffer give the same text as edits of a string."""
    buffer, text = edited(*history)
    assert text == buffer.text


@given(histories())
def test_lines_stay_where_a_fresh_scan_finds_them(history: tuple[str, list[Edit]]) -> None:
    """The index kept through the edits starts the same lines as one made from the final text."""
    buffer, text = edited(*history)
    fresh = LineIndex.of(text)
    assert [fresh.line_start(line) for line in range(fresh.n_lines)] == [
        buffer.lines.line_start(line) for line in range(buffer.lines.n_lines)
    ]
    assert [fresh.line_of(offset) for offset in range(len(text) + 1)] == [
        buffer.lines.line_of(offset) for offset in range(len(text) + 1)
    ]


@given(histories())
def test_line_text_needs_no_whole_text(history: tuple[str, list[Edit]]) -> None:
    """A line taken from its piece equals the line cut from the whole text."""
    buffer, text = edited(*history)
    fresh = LineIndex.of(text)
    for line in range(fresh.n_lines):
        whole = text[fresh.line_start(line) : fresh.line_end(line, text)]
        assert whole == buffer.line_text(line)
        assert [whole[:n] for n in range(4)] == [buffer.line_text(line, n)[:n] for n in range(4)]


@given(histories())
def test_pieces_end_with_whole_line_endings(history: tuple[str, list[Edit]]) -> None:
    """No line, and no CRLF, lies in two pieces."""
    buffer, _ = edited(*history)
    for piece, following in zip(buffer.pieces, buffer.pieces[1:], strict=False):
        assert piece.endswith(("\n", "\r"))
        assert not (piece.endswith("\r") and following.startswith("\n"))


def test_a_keystroke_shares_the_other_pieces() -> None:
    """Only the piece under the cursor is written anew."""
    before = Buffer.of("line\n" * 100, piece_characters=50)
    after = before.edited(Edit(Span(252, 252), "x"))
    shared = sum(1 for a, b in zip(before.pieces, after.pieces, strict=True) if a is b)
    assert len(before.pieces) - 1 == shared
