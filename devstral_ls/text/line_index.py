"""Where lines start, and columns in the three encodings that editors count in."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

# LSP knows exactly these three; str.splitlines() knows nine more and drifts.
_LINE_END = re.compile(r"\r\n|\n|\r")


class Encoding(StrEnum):
    """The unit in which an editor counts columns."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


@dataclass(frozen=True, slots=True)
class LineIndex:
    """The offset of the first character of each line; a text always has at least one line.

    Line starts are kept in blocks, counted from the start of the block, so that a keystroke moves
    the few block offsets behind it and not the starts of every later line.
    """

    blocks: tuple[tuple[int, ...], ...]
    block_lines: tuple[int, ...]  # the number of the first line of each block
    block_offsets: tuple[int, ...]
    length: int

    @classmethod
    def of(cls, text: str) -> "LineIndex":
        return cls((line_starts(text),), (0,), (0,), len(text))

    @classmethod
    def of_blocks(cls, blocks: Sequence[tuple[int, ...]], lengths: Sequence[int]) -> "LineIndex":
        """The index of texts that follow each other; each but the last ends with a whole line ending."""
        assert len(blocks) == len(lengths)
        lines = tuple(accumulate(map(len, blocks), initial=0))
        offsets = tuple(accumulate(lengths, initial=0))
        return cls(tuple(blocks), lines[:-1], offsets[:-1], offsets[-1])

    @property
    def n_lines(self) -> int:
        return self.block_lines[-1] + len(self.blocks[-1])

    def line_of(self, offset: int) -> int:
        """The 0-based line that holds `offset`."""
        assert 0 <= offset <= self.length
        block = bisect_right(self.block_offsets, offset) - 1
        return self.block_lines[block] + bisect_right(self.blocks[block], offset - self.block_offsets[block]) - 1

    def line_start(self, line: int) -> int:
        """The offset where `line` starts; a line past the end starts at the end of the text."""
        assert 0 <= line
        if self.n_lines <= line:
            return self.length
        block = bisect_right(self.block_lines, line) - 1
        return self.block_offsets[block] + self.blocks[block][line - self.block_lines[block]]

    def line_end(self, line: int, text: str) -> int:
        """The offset after the last character of `line`, its line ending not included."""
        start = self.line_start(line)
        return start + len(without_line_end(text[start : self.line_start(line + 1)]))


def line_starts(text: str) -> tuple[int, ...]:
    """The offset of the first character of each line of `text`."""
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return (0, *(match.end() for match in _LINE_END.finditer(text)))
    if "\n" not in text:
        return (0,)
    # Splitting is faster than the expression, and right where no line ends with \r alone.
    lengths = map(len, text.split("\n")[:-1])
    return tuple(accumulate(lengths, lambda start, length: start + length + 1, initial=0))


def without_line_end(line: str) -> str:
    """`line` without the one line ending it may have."""
    return line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line.removesuffix("\r")


def n_units(text: str, encoding: Encoding) -> int:
    """How many columns `text` takes in `encoding`."""
    if encoding is Encoding.UTF32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def n_characters(text: str, units: int, encoding: Encoding) -> int:
    """How many characters of `text` fit in `units` columns; a column inside a character rounds down."""
    within = text[:units]  # no character is narrower than one column
    if encoding is Encoding.UTF32 or within.isascii():
        return len(within)
    return _n_whole(within, units, encoding)


def _n_whole(text: str, units: int, encoding: Encoding) -> int:
    """The most characters from the start of `text` that take at most `units` columns."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if n_units(text[low:middle], encoding) <= units:
            units -= n_units(text[low:middle], encoding)
            low = middle
        else:
            high = middle - 1
    return low
