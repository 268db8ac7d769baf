"""A long text as immutable pieces cut at line starts, so that a keystroke rewrites one piece."""

from bisect import bisect_right
from dataclasses import dataclass

from devstral_ls.text.edits import Edit
from devstral_ls.text.line_index import LineIndex, line_starts, without_line_end

_PIECE_CHARACTERS = 8_192  # 512 pieces in 4 MiB: scanning one piece and moving 512 offsets cost about the same


@dataclass(frozen=True, slots=True)
class Buffer:
    """One state of a text under edit. It never changes: `edited` makes another that shares the other pieces.

    Every piece but the last ends with a whole line ending, so no CRLF lies across two of them.
    """

    pieces: tuple[str, ...]
    lines: LineIndex
    piece_characters: int

    @classmethod
    def of(cls, text: str, *, piece_characters: int = _PIECE_CHARACTERS) -> "Buffer":
        pieces, blocks = _cut(text, line_starts(text), piece_characters)
        return cls(tuple(pieces), LineIndex.of_blocks(blocks, list(map(len, pieces))), piece_characters)

    @property
    def text(self) -> str:
        """The whole text, put together anew at each call."""
        return "".join(self.pieces)

    def line_text(self, line: int, max_characters: int | None = None) -> str:
        """The text of `line` (0-based) without its line ending, or its start; empty for a line past the end."""
        start = self.lines.line_start(line)
        length = self.lines.line_start(line + 1) - start
        piece, offset = self._piece_at(start)
        if max_characters is not None and max_characters + 2 <= length:  # a line ending takes two at most
            return self.pieces[piece][offset : offset + max_characters]
        return without_line_end(self.pieces[piece][offset : offset + length])

    def edited(self, edit: Edit) -> "Buffer":
        """The text after `edit`."""
        first, last, text = self._merged(edit)
        starts = line_starts(text)
        if last + 1 < len(self.pieces):
            starts = starts[:-1]  # the line after the last ending belongs to the next piece
        new_pieces, new_blocks = _cut(text, starts, self.piece_characters)
        pieces = (*self.pieces[:first], *new_pieces, *self.pieces[last + 1 :])
        blocks = (*self.lines.blocks[:first], *new_blocks, *self.lines.blocks[last + 1 :])
        return Buffer(pieces, LineIndex.of_blocks(blocks, list(map(len, pieces))), self.piece_characters)

    def _merged(self, edit: Edit) -> tuple[int, int, str]:
        """The first and last piece that `edit` changes, and the text that stands there afterwards."""
        first, start = self._piece_at(edit.span.start)
        last, end = self._piece_at(edit.span.end)
        text = "".join((self.pieces[first][:start], edit.new_text, self.pieces[last][end:]))
        if 0 < first and self.pieces[first - 1].endswith("\r"):
            first -= 1  # the text may now go on with the \n of its line ending
            text = self.pieces[first] + text
        while last + 1 < len(self.pieces) and not _ends_whole(text, self.pieces[last + 1]):
            last += 1
            text += self.pieces[last]
        return first, last, text

    def _piece_at(self, offset: int) -> tuple[int, int]:
        """The piece that holds `offset`, and how far into it that is."""
        assert 0 <= offset <= self.lines.length
        piece = bisect_right(self.lines.block_offsets, offset) - 1
        return piece, offset - self.lines.block_offsets[piece]


def _ends_whole(text: str, following: str) -> bool:
    """Whether `text` ends with a line ending that `following` does not go on with; nothing at all does too."""
    if text.endswith("\r"):
        return not following.startswith("\n")
    return text == "" or text.endswith("\n")


def _cut(text: str, starts: tuple[int, ...], size: int) -> tuple[list[str], list[tuple[int, ...]]]:
    """Cut `text` at line starts into pieces near `size`, with the line starts in each; a long line is never cut."""
    pieces: list[str] = []
    blocks: list[tuple[int, ...]] = []
    line = 0
    while line < len(starts):
        begin = starts[line]
        following = _next_cut(starts, line, begin + size)
        end = starts[following] if following < len(starts) else len(text)
        pieces.append(text[begin:end])
        blocks.append(tuple(start - begin for start in starts[line:following]))
        line = following
    return pieces, blocks


def _next_cut(starts: tuple[int, ...], line: int, wanted: int) -> int:
    """The line at which the piece that starts at `line` ends: near offset `wanted`, the rest if that is short."""
    size = wanted - starts[line]
    if starts[-1] <= wanted + size:
        return len(starts)
    return max(line + 1, bisect_right(starts, wanted) - 1)
