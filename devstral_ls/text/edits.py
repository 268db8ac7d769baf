"""Edits of a text, applied all at once, and the smallest edit between two texts."""

from collections.abc import Sequence
from dataclasses import dataclass

from devstral_ls.text.spans import Span


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `span` of the old text by `new_text`."""

    span: Span
    new_text: str


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Apply edits that do not overlap; all spans speak of the old text."""
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: edit.span):
        assert done <= edit.span.start
        pieces += (text[done : edit.span.start], edit.new_text)
        done = edit.span.end
    pieces.append(text[done:])
    return "".join(pieces)


def smallest_edit(old: str, new: str) -> Edit | None:
    """One edit that turns `old` into `new` and keeps the longest common start and end; None when equal."""
    if old == new:
        return None
    start = _n_common(old, new)
    kept = _n_common(old[start:][::-1], new[start:][::-1])
    return Edit(Span(start, len(old) - kept), new[start : len(new) - kept])


def _n_common(a: str, b: str) -> int:
    """The length of the longest common start."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
