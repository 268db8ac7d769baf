"""Notebooks: which cells they have, in order; the texts of the cells are kept with all other open texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lsprotocol import types

from devstral_ls.server import documents
from devstral_ls.server.documents import Texts
from devstral_ls.text import Encoding


@dataclass(frozen=True, slots=True)
class Notebook:
    """The URIs of all cells, code or not, in the order of the page."""

    uri: str
    cells: tuple[str, ...]

    def spliced(self, change: types.NotebookCellArrayChange) -> "Notebook":
        """The notebook after cells were inserted, deleted or moved."""
        new = tuple(cell.document for cell in change.cells or ())
        kept_after = self.cells[change.start + change.delete_count :]
        return replace(self, cells=(*self.cells[: change.start], *new, *kept_after))


Notebooks = Mapping[str, Notebook]


def opened(notebooks: Notebooks, params: types.DidOpenNotebookDocumentParams) -> Notebooks:
    given = params.notebook_document
    return {**notebooks, given.uri: Notebook(given.uri, tuple(cell.document for cell in given.cells))}


def closed(notebooks: Notebooks, uri: str) -> Notebooks:
    return {each: notebook for each, notebook in notebooks.items() if each != uri}


def restructured(
    notebooks: Notebooks, uri: str, structure: types.NotebookDocumentCellChangeStructure | None
) -> Notebooks:
    """`notebooks` after a change of the cells of one of them."""
    if structure is None or uri not in notebooks:
        return notebooks
    return {**notebooks, uri: notebooks[uri].spliced(structure.array)}


def texts_after(texts: Texts, cells: types.NotebookDocumentCellChanges, encoding: Encoding) -> Texts:
    """The open texts after a change of a notebook: cells that came, went, and were written in."""
    for item in (cells.structure and cells.structure.did_open) or ():
        texts = documents.opened(texts, item)
    for gone in (cells.structure and cells.structure.did_close) or ():
        texts = documents.closed(texts, gone.uri)
    for content in cells.text_content or ():
        texts = documents.changed(texts, content.document, content.changes, encoding)
    return texts


def cells_around(notebooks: Notebooks, uri: str) -> tuple[str, Sequence[str], Sequence[str]] | None:
    """The notebook of the cell `uri`, with the cells before and after it; None where it is no cell."""
    for notebook in notebooks.values():
        if uri in notebook.cells:
            index = notebook.cells.index(uri)
            return notebook.uri, notebook.cells[:index], notebook.cells[index + 1 :]
    return None
