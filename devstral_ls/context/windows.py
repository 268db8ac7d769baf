"""The text around the cursor that fits in a budget, cut where typing does not move the cut.

A window that ended at "the last N tokens" would start elsewhere after each keystroke and void the
engine's prefix cache. So both windows are cut at the edges of blocks of lines: those before the cursor are counted
from the file's first line and those behind it from its last, so that a new line at the cursor moves neither.
"""

from collections.abc import Iterator

from devstral_ls.context.tokens import TokenCounts
from devstral_ls.text import Place

MAX_LINE_CHARACTERS = 4_096
# The cursor's line is charged this much from its first character on, so that
# completing it seldom crosses the budget and moves the cut.
LINE_RESERVE_TOKENS = 32
# Cut points are this share of the budget apart: a smaller share follows the cursor more
# closely, a larger one moves the cut less often.
_BLOCK_SHARE = 4
_TOKENS_PER_LINE = 8


def prefix_window(place: Place, budget_tokens: int, counts: TokenCounts) -> str:
    """The end of the text before the cursor that fits, from a cut point on."""
    lines = place.document.lines
    block_lines = _block_lines(budget_tokens)
    start = lines.line_start(place.line)
    used_tokens = max(counts.of(place.line_before), min(LINE_RESERVE_TOKENS, budget_tokens // 8))
    if budget_tokens < used_tokens:
        return _tail(place.line_before, budget_tokens, counts)
    for block_start in _block_starts(place, block_lines):
        used_tokens += counts.of(place.document.text[block_start:start])
        if budget_tokens < used_tokens:
            break
        start = block_start
    return place.document.text[start : place.offset]


def suffix_window(place: Place, budget_tokens: int, counts: TokenCounts) -> str:
    """The rest of the cursor's line and whole lines after it, up to a cut point."""
    end = place.offset
    used_tokens = 0
    for block_end in _block_ends(place, _block_lines(budget_tokens)):
        used_tokens += counts.of(place.document.text[end:block_end])
        if budget_tokens < used_tokens:
            return place.document.text[place.offset : end] or _head(place, budget_tokens, counts)
        end = block_end
    return place.document.text[place.offset : end]


def _block_lines(budget_tokens: int) -> int:
    return max(2, budget_tokens // (_BLOCK_SHARE * _TOKENS_PER_LINE))


def _block_starts(place: Place, block_lines: int) -> Iterator[int]:
    """Where blocks before the cursor's line start, the nearest first."""
    first_line = (place.line - 1) // block_lines * block_lines
    for line in range(first_line, -1, -block_lines):
        yield place.document.lines.line_start(line)


def _block_ends(place: Place, block_lines: int) -> Iterator[int]:
    """Where blocks end after the cursor: first the cursor's own line, then so many whole blocks from the file's end."""
    lines = place.document.lines
    yield lines.line_start(place.line + 1)
    for n_behind in range((lines.n_lines - place.line - 2) // block_lines * block_lines, -1, -block_lines):
        yield lines.line_start(lines.n_lines - n_behind)


def _tail(line_before: str, budget_tokens: int, counts: TokenCounts) -> str:
    """The end of a line that is too long as a whole."""
    text = line_before[-MAX_LINE_CHARACTERS:]
    while text and budget_tokens < counts.of(text):
        text = text[max(1, len(text) // 4) :]
    return text


def _head(place: Place, budget_tokens: int, counts: TokenCounts) -> str:
    """The first whole lines after the cursor that fit; of one that is too long, its start."""
    text = place.after[:MAX_LINE_CHARACTERS]
    while text and budget_tokens < counts.of(text):
        text = text[: len(text) * 3 // 4]
    line_end = text.rfind("\n") + 1
    return text[:line_end] if line_end else text
