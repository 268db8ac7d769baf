"""The indentation of a completion, made to fit the document, and whether it then makes sense."""

import re
from collections.abc import Iterator

from devstral_ls.features.nesting import line_ends
from devstral_ls.features.shape import Shape, indent_columns, opens_block, statement_above
from devstral_ls.text import Place

_INDENTS = re.compile(r"^([ \t]+)\S", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_DEFAULT_UNIT = "    "


def fit_indentation(place: Place, text: str) -> str:
    """`text` with the document's kind of indentation, and without white space that the cursor's line already has."""
    text = _with_document_unit(place, text)
    if not text[:1].isspace() or text.startswith("\n"):
        return text
    typed = place.line_before
    if not typed.strip():
        return _without_typed_indent(place, text)
    return text.lstrip(" \t") if typed[-1:].isspace() else text


def is_indented_well(place: Place, text: str, shape: Shape) -> bool:
    """Whether each statement stands as far right as a block around it, or further right behind a block's header."""
    if shape.language_id != "python" or shape.nesting.quote or shape.nesting.depth:
        return True
    typed, above = place.line_before, statement_above(place)
    blocks = _columns_above(place)
    if typed.strip():  # the first statement stands where the user put it
        above = ""
        blocks |= {indent_columns(typed)}
    for statement in _statements(typed + text):
        columns = indent_columns(statement)
        fits = indent_columns(above) < columns if opens_block(above) else columns in blocks
        if not fits:
            return False
        blocks = {each for each in blocks if each <= columns} | {columns}
        above = statement
    return True


def _statements(text: str) -> Iterator[str]:
    """The statements of `text` from their indentation on, comments and empty lines left out."""
    start = 0
    for end in (*line_ends(text), len(text)):
        statement = text[start:end].strip("\n")
        start = end
        if statement.strip() and not statement.lstrip().startswith("#"):
            yield statement


def _columns_above(place: Place) -> set[int]:
    """Where the blocks start that a new line may belong to: the outermost one and those of the lines above."""
    columns = {0}
    lowest = None
    for line in reversed(place.document.text[: place.document.lines.line_start(place.line)].splitlines()):
        if line.strip() and (lowest is None or indent_columns(line) < lowest):
            lowest = indent_columns(line)
            columns.add(lowest)
        if lowest == 0:
            break
    return columns


def _with_document_unit(place: Place, text: str) -> str:
    """`text` indented with tabs where the document is, and with spaces where it is not."""
    indents = _INDENTS.findall(place.document.text)
    uses_tabs = sum(indent.startswith("\t") for indent in indents) * 2 > len(indents)
    if uses_tabs:
        is_narrow = any(len(indent) % len(_DEFAULT_UNIT) for indent in _INDENTS.findall(text))
        unit = "  " if is_narrow else _DEFAULT_UNIT
        return _INDENT.sub(lambda match: match.group().replace(unit, "\t"), text)
    unit = _unit(indents) or _DEFAULT_UNIT
    return _INDENT.sub(lambda match: match.group().replace("\t", unit), text)


def _unit(indents: list[str]) -> str:
    """The smallest indentation by spaces, or an empty one."""
    widths = [len(indent) for indent in indents if not indent.strip(" ")]
    return " " * min((width for width in widths if 1 < width), default=0)


def _without_typed_indent(place: Place, text: str) -> str:
    """`text` whose first line does not repeat the indentation in front of the cursor, unless a block asks for more."""
    above = statement_above(place)
    needs_more = opens_block(above) and indent_columns(place.line_before) <= indent_columns(above)
    if needs_more or not place.line_before:
        return text
    return text.lstrip(" \t")
