"""Realistic cursor positions in finished code: what stands behind the cursor is taken out, to be suggested again."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from devstral_ls.features.nesting import nesting
from devstral_ls.features.shape import indent_columns, opens_block
from devstral_ls.text import Document, Place

MIN_LINE_CHARACTERS = 8  # shorter lines, such as `else:`, tell little
_WORD_END = re.compile(r"(?<=[=(\[,.:]) ?(?=\S)|(?<=\w) (?=\S)")
_INSIDE_BRACKETS = re.compile(r"\(([^()\n]{3,})\)")


class Kind(StrEnum):
    """Where people wait for suggestions."""

    LINE_END = "line end"  # some of a line is typed
    NEW_LINE = "new line"  # a statement is about to begin
    BLOCK_START = "block start"  # the body of a new block
    BRACKETS = "in brackets"  # the editor has closed the bracket already


@dataclass(frozen=True, slots=True)
class Hole:
    """A cursor, and what its author wrote there."""

    kind: Kind
    place: Place
    expected: str


def holes_in(document: Document, rng: random.Random, n_holes: int) -> list[Hole]:
    """Up to `n_holes` holes of a document, of all kinds in turn."""
    candidates: dict[Kind, list[Hole]] = {kind: [] for kind in Kind}
    lines = list(range(document.lines.n_lines))
    rng.shuffle(lines)
    for line in lines:
        for hole in _holes_at(document, line, rng):
            candidates[hole.kind].append(hole)
    rounds = zip(*(_padded(found, n_holes) for found in candidates.values()), strict=True)
    return [hole for each_round in rounds for hole in each_round if hole is not None][:n_holes]


def _holes_at(document: Document, line: int, rng: random.Random) -> Iterator[Hole]:
    """The holes that begin on `line`; none on comments and in strings."""
    span = document.line_span(line)
    text = span.of(document.text)
    code = text.strip()
    if len(code) < MIN_LINE_CHARACTERS or code.startswith(("#", '"', "'")) or "#" in code:
        return
    ends = [match.end() for match in _WORD_END.finditer(text)]
    if ends:
        cut = rng.choice(ends)
        yield _hole(Kind.LINE_END, document, span.start + cut, span.end)
    bracket = _INSIDE_BRACKETS.search(text)
    if bracket is not None:
        yield _hole(Kind.BRACKETS, document, span.start + bracket.start(1), span.start + bracket.end(1))
    start = span.start + len(text) - len(text.lstrip())
    above = document.line_text(line - 1) if line else ""
    if above.strip() and not nesting(text).depth and not nesting(above).is_broken:
        if opens_block(above) and indent_columns(above) < indent_columns(text):
            yield _hole(Kind.BLOCK_START, document, start, _block_end(document, line))
        elif indent_columns(above) == indent_columns(text):
            yield _hole(Kind.NEW_LINE, document, start, span.end)


def _hole(kind: Kind, document: Document, start: int, end: int) -> Hole:
    text = document.text[:start] + document.text[end:]
    holed = Document(document.uri, text, language_id=document.language_id, path=document.path)
    return Hole(kind, Place(holed, start), document.text[start:end])


def _block_end(document: Document, first_line: int) -> int:
    """The end of the last line that stands at least as far right as `first_line`."""
    columns = indent_columns(document.line_text(first_line))
    end = document.line_span(first_line).end
    for line in range(first_line + 1, document.lines.n_lines):
        text = document.line_text(line)
        if text.strip() and indent_columns(text) < columns:
            break
        if text.strip():
            end = document.line_span(line).end
    return end


def _padded(holes: list[Hole], n_holes: int) -> list[Hole | None]:
    return [*holes[:n_holes], *[None] * (n_holes - len(holes[:n_holes]))]
