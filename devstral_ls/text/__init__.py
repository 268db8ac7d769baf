"""Values: offsets, spans, documents and edits. Nothing here knows an editor, a file or a model."""

from devstral_ls.text.buffer import Buffer
from devstral_ls.text.document import Document, Place
from devstral_ls.text.edits import Edit, apply_edits, smallest_edit
from devstral_ls.text.line_index import Encoding, LineIndex, n_characters, n_units
from devstral_ls.text.spans import Span

__all__ = [
    "Buffer",
    "Document",
    "Edit",
    "Encoding",
    "LineIndex",
    "Place",
    "Span",
    "apply_edits",
    "n_characters",
    "n_units",
    "smallest_edit",
]
