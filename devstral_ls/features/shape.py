"""How much to suggest at a place: the rest of a line, one statement, or the body of a block."""

import re
from dataclasses import dataclass
from enum import Enum

from devstral_ls.features.nesting import Nesting, line_ends, nesting, nesting_before
from devstral_ls.text import Place

_TAB_COLUMNS = 4
_MAX_STATEMENT_LINES = 40
_CLAUSES = ("elif", "else", "except", "finally", "case", ")", "]", "}")


class Extent(Enum):
    """Where a suggestion ends by itself."""

    LINE = "line"  # with the line, or with the brackets that it opened
    STATEMENT = "statement"  # before the next statement as far left as its first line
    BLOCK = "block"  # with the body of the block that was just opened


@dataclass(frozen=True, slots=True)
class Shape:
    """The rule by which a completion at one place is cut: a `StopRule`."""

    extent: Extent
    floor: int  # columns of indentation that the lines after the first keep
    nesting: Nesting  # what is open at the cursor
    rest: Nesting  # what may stay open when the suggestion ends, because the document closes it
    language_id: str
    max_lines: int

    def __call__(self, completion: str) -> int | None:
        return self.end_of(completion)

    def end_of(self, completion: str) -> int | None:
        """How much of `completion` may be shown, or None while it may still go on."""
        ends = self.line_ends(completion)
        is_endless = 2 * self.max_lines < completion.count("\n")
        if self.extent is Extent.LINE:
            return ends[0] if ends else len(completion) if is_endless else None
        for end in ends:
            if self.max_lines <= completion[:end].strip("\n").count("\n") + 1:
                return end
            following = _first_line_of_text(completion[end:])
            if following is not None and self._is_outside(following, completion[:end]):
                return end
        return len(completion) if is_endless else None

    def line_ends(self, completion: str) -> list[int]:
        """Offsets where a statement of `completion` may end."""
        return list(line_ends(completion, self.nesting, self.language_id, rest=self.rest))

    def _is_outside(self, line: str, so_far: str) -> bool:
        """Whether `line` no longer belongs to the statement or body that `so_far` began."""
        if not so_far.strip():
            return False
        columns = indent_columns(line)
        if self.extent is Extent.BLOCK:
            return columns < self.floor
        return columns < self.floor or (columns == self.floor and not _may_be_clause(line.strip()))


def shape_at(place: Place, max_lines: int) -> Shape:
    """The extent that the syntax around the cursor asks for."""
    language_id = place.document.language_id
    before = nesting_before(place.before, language_id)
    extent, floor = _extent(place, before)
    if max_lines == 1:
        extent = Extent.LINE
    return Shape(extent, floor, before, _rest(place, before), language_id, max_lines)


def indent_columns(line: str) -> int:
    """How wide the white space at the start of `line` is."""
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    return len(indent.expandtabs(_TAB_COLUMNS))


def statement_above(place: Place) -> str:
    """The lines of the last statement above the cursor's line, without the white space behind it; empty at the top."""
    lines = place.document.lines
    above = place.document.text[: lines.line_start(place.line)].rstrip()
    start = len(above)
    for _ in range(_MAX_STATEMENT_LINES):
        start = max(above.rfind("\n", 0, max(0, start - 1)), above.rfind("\r", 0, max(0, start - 1))) + 1
        if start == 0 or not nesting(above[start:], language_id=place.document.language_id).is_broken:
            break
    return above[start:]


def opens_block(statement: str) -> bool:
    """Whether `statement` is the header of a block; a comment behind it does not matter."""
    code = re.sub(r"\s+#[^\n]*$", "", statement).rstrip()
    return code.endswith((":", "{"))


def _extent(place: Place, before: Nesting) -> tuple[Extent, int]:
    """The extent at `place` and the columns that its lines keep."""
    typed = place.line_before
    if before.quote or before.depth or place.line_after.strip():
        return Extent.LINE, 0
    if typed.strip():
        return (Extent.BLOCK, indent_columns(typed) + 1) if opens_block(typed) else (Extent.LINE, 0)
    columns = indent_columns(typed)
    above = statement_above(place)
    is_in_new_block = opens_block(above) and (not typed or indent_columns(above) < columns)
    if is_in_new_block:
        return Extent.BLOCK, max(columns, indent_columns(above) + 1)
    return Extent.STATEMENT, columns


def _rest(place: Place, before: Nesting) -> Nesting:
    """What of `before` the document closes behind the cursor; what the cursor's line opens, it often does not."""
    if place.line_after.strip():
        return before
    closes_string = place.after.count(before.quote) % 2 == 1 if before.quote else False
    n_opened_here = nesting(place.line_before, language_id=place.document.language_id).depth
    if before.closers and place.after.lstrip().startswith(before.closers[-1]):
        n_opened_here = 0
    n_kept = max(0, before.depth - n_opened_here)
    return Nesting(before.closers[:n_kept], before.quote if closes_string else "")


def _may_be_clause(line: str) -> bool:
    """Whether `line`, of which perhaps only a beginning is written, goes on with the statement above it."""
    return any(line.startswith(clause) or clause.startswith(line) for clause in _CLAUSES)


def _first_line_of_text(text: str) -> str | None:
    """The first line of `text` with something on it, once its first letter is there."""
    stripped = text.lstrip("\n\r \t")
    if not stripped:
        return None
    indent = text[: len(text) - len(stripped)]
    return indent[max(indent.rfind("\n"), indent.rfind("\r")) + 1 :] + stripped.split("\n", 1)[0]
