"""What the model is asked about, where that is more than the document at hand, and the way back from there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from devstral_ls.text import Document, Edit, Place, Span, apply_edits

_BETWEEN_CELLS = "\n\n"


@dataclass(frozen=True, slots=True)
class View:
    """A place as the model sees it, and how far its document lies behind the start of what the model sees."""

    place: Place
    own: Document
    shift: int = 0

    def own_edit(self, edit: Edit) -> Edit | None:
        """`edit` as one of the document at hand, or None when it reaches out of it."""
        start, end = edit.span.start - self.shift, edit.span.end - self.shift
        if start < 0 or len(self.own.text) < end:
            return None
        return Edit(Span(start, end), edit.new_text)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a completion menu is about to insert; a suggestion must replace the same span and begin with its text."""

    span: Span
    text: str

    def applied(self, document: Document) -> Place:
        """The document as if the menu's item were accepted, with the cursor behind it."""
        text = apply_edits(document.text, [Edit(self.span, self.text)])
        return Place(replace(document, text=text), self.span.start + len(self.text))

    def extended(self, edit: Edit) -> Edit | None:
        """The suggestion that begins with the selected text and goes on with `edit`."""
        cursor = self.span.start + len(self.text)
        if edit.span.start != cursor:
            return None
        return Edit(Span(self.span.start, self.span.end + len(edit.span)), self.text + edit.new_text)


def in_notebook(place: Place, before: Sequence[str], after: Sequence[str], path: str) -> View:
    """The cell at hand between the texts of the cells around it, as one document with the notebook's name."""
    start = "".join(text + _BETWEEN_CELLS for text in before)
    end = "".join(_BETWEEN_CELLS + text for text in after)
    whole = replace(place.document, text=start + place.document.text + end, path=path)
    return View(Place(whole, len(start) + place.offset), place.document, len(start))


def covering_word(document: Document, edit: Edit) -> Edit:
    """`edit` stretched over the word that ends where it begins, so that editors can match what is typed with it."""
    line_start = document.lines.line_start(document.lines.line_of(edit.span.start))
    before = document.text[line_start : edit.span.start]
    start = edit.span.start - _n_word_characters(before)
    return Edit(Span(start, edit.span.end), document.text[start : edit.span.start] + edit.new_text)


def _n_word_characters(before: str) -> int:
    """How many characters at the end of `before` belong to one word."""
    n = 0
    while n < len(before) and (before[-1 - n].isalnum() or before[-1 - n] == "_"):
        n += 1
    return n
