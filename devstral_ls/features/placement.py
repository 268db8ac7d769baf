"""Whether an edit leaves a document's syntax as whole as it could be."""

from devstral_ls.features.nesting import last_top_level, next_top_level
from devstral_ls.features.python_tree import NO_PYTHON, read
from devstral_ls.text import Edit, Place, Span, apply_edits

MAX_PARSED_CHARACTERS = 40_000  # of the statement around the cursor, for Python's own parser
# What the cursor's line may be to the lines around it: nothing, a statement, a header, an item, an opened bracket.
_NEUTRAL_LINES = ("", "pass", "if x:", "x,", "x(", "x = [", "x = {")


def breaks_syntax(place: Place, edit: Edit) -> bool:
    """Whether the statement around the cursor has more syntax errors with `edit` than with a harmless line.

    The line itself is left out of the comparison because a line that is being typed is always broken.
    Languages without a grammar never break; Python's own parser is asked too, for its grammar forgives less.
    """
    document = place.document
    line = Span(document.lines.line_start(place.line), document.lines.line_start(place.line + 1))
    around = Span(last_top_level(document.text[: line.start]), next_top_level(document.text, line.end))
    made = _with(place, around, edit)
    n_errors = _count_errors(made, document.language_id)
    is_refused = document.language_id == "python" and not _is_python(made, at=edit, around=around)
    if not n_errors and not is_refused:
        return False
    harmless = [_with(place, around, Edit(line, text)) for text in _harmless_lines(place, line)]
    if n_errors and any(_count_errors(each, document.language_id) < n_errors for each in harmless):
        return True
    # Without the line an indentation would go that is not the suggestion's.
    return is_refused and any(_is_python(each) for each in harmless[1:])


def _harmless_lines(place: Place, line: Span) -> list[str]:
    text = line.of(place.document.text)
    indent = place.line_before[: len(place.line_before) - len(place.line_before.lstrip())]
    line_break = "\n" if text.endswith(("\n", "\r")) else ""
    return [f"{indent}{code}{line_break}" if code else "" for code in _NEUTRAL_LINES]


def _with(place: Place, around: Span, edit: Edit) -> str:
    """The part `around` of the document, once `edit` is made."""
    shifted = Edit(edit.span.shifted(-around.start), edit.new_text)
    return apply_edits(around.of(place.document.text), [shifted])


def _count_errors(text: str, language_id: str) -> int:
    from devstral_ls.context.syntax import count_errors  # noqa: PLC0415  tree-sitter loads after start-up

    return count_errors(text, language_id)


def _is_python(text: str, *, at: Edit | None = None, around: Span | None = None) -> bool:
    """Whether Python takes it, or takes it once the line of the edit has a body: a new header is no mistake."""
    if MAX_PARSED_CHARACTERS < len(text) or _parses(text):
        return True
    if at is None or around is None:
        return False
    end = text.find("\n", at.span.start - around.start + len(at.new_text))
    return _parses(f"{text} pass" if end < 0 else f"{text[:end]} pass{text[end:]}")


def _parses(text: str) -> bool:
    try:
        read(text)
    except NO_PYTHON:
        return False
    return True
