"""What may be shown of a completion: nothing doubled, broken, out of scope or out of place."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devstral_ls.features.indentation import fit_indentation, is_indented_well
from devstral_ls.features.nesting import nesting
from devstral_ls.features.outcome import Silence
from devstral_ls.features.repetition import repeats_itself, without_repeated_lines
from devstral_ls.features.shape import Extent, Shape, statement_above
from devstral_ls.text import Edit, Place, Span

MIN_DOUBLED_CHARACTERS = 3  # shorter lines, such as `}`, may well follow each other
_CLOSERS_ONLY = re.compile(r"[\s)\]}\"'`:,;]*")

# Whether a document would hold more syntax errors after an edit than before its line was written.
Breaks = Callable[[Place, Edit], bool]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing of the completion may be shown."""

    reason: Silence


def clean(place: Place, completion: str, shape: Shape, *, is_whole: bool, breaks: Breaks) -> Edit | Rejected:
    """The edit to propose, or why there is none.

    `is_whole` says that the model ended the completion itself, so that its last line is not a torn one.
    """
    text = completion.replace("\r\n", "\n").replace("\r", "\n")
    if _holds_invisible(text):
        return Rejected(Silence.INVISIBLE)
    end = shape.end_of(text)
    if end is None and not is_whole:
        end = _last_whole_line(text, shape)
        if end is None:
            return Rejected(Silence.UNFINISHED)
    text = fit_indentation(place, _first_lines(text[:end], shape)).rstrip()
    if not text:
        return Rejected(Silence.NOTHING_TO_ADD)
    return _fit(place, text, shape, breaks)


def _fit(place: Place, text: str, shape: Shape, breaks: Breaks) -> Edit | Rejected:
    """Cut what is repeated, then join the rest with what stands to the right of the cursor."""
    if _repeats_above(place, text):
        return Rejected(Silence.REPEATS_ABOVE)
    text = without_repeated_lines(text)
    if repeats_itself(text):
        return Rejected(Silence.REPEATS_ITSELF)
    text = _without_lines_below(place, text)
    if not text.strip():
        return Rejected(Silence.REPEATS_BELOW)
    if not is_indented_well(place, text, shape):
        return Rejected(Silence.INDENTATION)
    return _join(place, text, shape, breaks)


def _join(place: Place, text: str, shape: Shape, breaks: Breaks) -> Edit | Rejected:
    """The first way to place `text` before or over the rest of the line that leaves brackets and syntax whole."""
    if text == place.line_after.rstrip():
        return Rejected(Silence.NOTHING_TO_ADD)
    balanced = [edit for edit in _ways_to_join(place, text) if _keeps_brackets(place, edit, shape)]
    if not balanced:
        return Rejected(Silence.BRACKETS)
    for edit in balanced:
        if not breaks(place, edit):
            return _with_line_breaks_of(place, edit)
    return Rejected(Silence.DOES_NOT_PARSE)


def _ways_to_join(place: Place, text: str) -> Iterator[Edit]:
    """Edits in the order of preference: without what the line already ends in, as it is, over an automatic closer."""
    right = place.line_after.rstrip()
    here = Span(place.offset, place.offset)
    if not right:
        yield Edit(here, text)
        return
    overlap = next((n for n in range(min(len(right), len(text)), 0, -1) if text.endswith(right[:n])), 0)
    if overlap and (overlap == len(right) or _CLOSERS_ONLY.fullmatch(right[:overlap])):
        shorter = text[: len(text) - overlap]
        if shorter.strip():
            yield Edit(here, shorter)
    yield Edit(here, text)
    if _CLOSERS_ONLY.fullmatch(right):
        yield Edit(Span(place.offset, place.offset + len(right)), text)


def _keeps_brackets(place: Place, edit: Edit, shape: Shape) -> bool:
    """Whether the line closes what it opens as it did before, or better."""
    line_end = place.document.line_span(place.line).end
    right = place.document.text[edit.span.end : line_end]
    before = nesting(place.line_after, shape.nesting, shape.language_id)
    after = nesting(edit.new_text + right, shape.nesting, shape.language_id)
    if after.is_broken and not before.is_broken:
        return False
    return after.depth <= (before.depth if right.strip() else shape.rest.depth)


def _repeats_above(place: Place, text: str) -> bool:
    """Whether the first line would say again what the line above says."""
    first = (place.line_before + text).split("\n", 1)[0].strip()
    return MIN_DOUBLED_CHARACTERS < len(first) and first == statement_above(place).split("\n")[-1].strip()


def _without_lines_below(place: Place, text: str) -> str:
    """`text` without a last part that the lines below already say; a closing line may be the start of one below."""
    below = [line.strip() for line in place.after[len(place.line_after) :].splitlines() if line.strip()]
    if not below:
        return text
    lines = text.split("\n")
    whole_first = (place.line_before + lines[0] + place.line_after).strip()
    said = [whole_first, *(line.strip() for line in lines[1:])]
    for kept in range(len(lines)):
        again = [line for line in said[kept:] if line]
        if again and _says_the_same(again, below):
            return "\n".join(lines[:kept]).rstrip()
    return text


def _says_the_same(lines: list[str], below: list[str]) -> bool:
    """Whether `below` starts with `lines`; of the last one it is enough when it is only closers."""
    if len(below) < len(lines) or lines[:-1] != below[: len(lines) - 1]:
        return False
    last, other = lines[-1], below[len(lines) - 1]
    if last == other:
        return True
    return _CLOSERS_ONLY.fullmatch(last) is not None and other.startswith(last)


def _last_whole_line(text: str, shape: Shape) -> int | None:
    """Where the last line ends that was not torn, or None."""
    ends = [end for end in shape.line_ends(text) if text[:end].strip()]
    return ends[-1] if ends and shape.extent is not Extent.LINE else None


def _first_lines(text: str, shape: Shape) -> str:
    """At most as many lines as the shape allows, cut where a statement ends."""
    lead = len(text) - len(text.lstrip("\n"))
    if text[lead:].count("\n") < shape.max_lines:
        return text
    fitting = [end for end in shape.line_ends(text) if lead < end and text[lead:end].count("\n") < shape.max_lines]
    return text[: fitting[-1]] if fitting else ""


def _holds_invisible(text: str) -> bool:
    """Whether a reader would not see all of it: control and direction characters, zero-width spaces."""
    categories = {unicodedata.category(character) for character in text if character not in "\n\t"}
    return not categories.isdisjoint({"Cc", "Cf", "Co", "Cs"})


def _with_line_breaks_of(place: Place, edit: Edit) -> Edit:
    """The edit with the line ending that the document uses."""
    if "\r\n" not in place.document.text:
        return edit
    return Edit(edit.span, edit.new_text.replace("\n", "\r\n"))
