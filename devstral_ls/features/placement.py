"""Whether an edit leaves a document's syntax as whole as it was before its line was written."""

from devstral_ls.features.nesting import last_top_level, next_top_level
from devstral_ls.text import Edit, Place, Span, apply_edits


def breaks_syntax(place: Place, edit: Edit) -> bool:
    """Whether the statement around the cursor has more syntax errors with `edit` than without the cursor's line.

    The line itself is left out of the comparison because a line that is being typed is always broken.
    Languages without a grammar never break.
    """
    document = place.document
    line = Span(document.lines.line_start(place.line), document.lines.line_start(place.line + 1))
    around = Span(last_top_level(document.text[: line.start]), next_top_level(document.text, line.end))
    n_errors = _count_errors(place, around, edit)
    return 0 < n_errors and _count_errors(place, around, Edit(line, "")) < n_errors


def _count_errors(place: Place, around: Span, edit: Edit) -> int:
    """Syntax errors in the part `around` of the document, once `edit` is made."""
    from devstral_ls.context.syntax import count_errors  # noqa: PLC0415  tree-sitter loads after start-up

    shifted = Edit(edit.span.shifted(-around.start), edit.new_text)
    return count_errors(apply_edits(around.of(place.document.text), [shifted]), place.document.language_id)
