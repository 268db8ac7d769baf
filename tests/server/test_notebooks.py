"""Notebooks: cells are completed with the cells around them in sight, and edits stay in their cell."""

from typing import Any

import pytest
from editor import Editor, insertion
from server_fixtures import Connect

NOTEBOOK = "file:///project/page.ipynb"


def cell(name: str) -> dict[str, Any]:
    return {"kind": 2, "document": f"vscode-notebook-cell:/page.ipynb#{name}"}


def item(name: str, text: str) -> dict[str, Any]:
    return {"uri": cell(name)["document"], "languageId": "python", "version": 1, "text": text}


def open_notebook(editor: Editor, **texts: str) -> None:
    notebook = {"uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1, "cells": [cell(n) for n in texts]}
    items = [item(name, text) for name, text in texts.items()]
    editor.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": items})


def change_notebook(editor: Editor, cells: dict[str, Any]) -> None:
    document = {"uri": NOTEBOOK, "version": 2}
    editor.notify("notebookDocument/didChange", {"notebookDocument": document, "change": {"cells": cells}})


@pytest.fixture
def editor(connect: Connect) -> Editor:
    """The model says what only who sees both cells can know."""
    editor = connect({"import numpy as np\n\nx = ": "np.zeros(3)", "x = ": "1"}).editor
    result = editor.initialize({"notebookDocument": {"synchronization": {}}})
    assert "notebookDocumentSync" in result["capabilities"]
    return editor


def test_the_cells_before_are_seen(editor: Editor) -> None:
    """An import in the first cell counts in the second, and the edit lies in the second."""
    open_notebook(editor, a="import numpy as np", b="x = ")
    shown = editor.result(editor.request_inline(0, 4, uri=cell("b")["document"]))["items"]
    start = {"line": 0, "character": 4}
    assert [("np.zeros(3)", {"start": start, "end": start})] == [(each["insertText"], each["range"]) for each in shown]


def test_deleted_cells_are_not_seen(editor: Editor) -> None:
    """The array of cells is spliced as the editor says."""
    open_notebook(editor, a="import numpy as np", b="x = ")
    gone = {"array": {"start": 0, "deleteCount": 1}, "didClose": [{"uri": cell("a")["document"]}]}
    change_notebook(editor, {"structure": gone})
    assert ["1"] == editor.inline(0, 4, uri=cell("b")["document"])


def test_inserted_cells_are_seen(editor: Editor) -> None:
    """A new cell comes with its text."""
    open_notebook(editor, b="x = ")
    array = {"start": 0, "deleteCount": 0, "cells": [cell("a")]}
    change_notebook(editor, {"structure": {"array": array, "didOpen": [item("a", "import numpy as np")]}})
    assert ["np.zeros(3)"] == editor.inline(0, 4, uri=cell("b")["document"])


def test_writing_in_a_cell_is_seen(editor: Editor) -> None:
    """Changes of cells' texts come with the notebook's change."""
    open_notebook(editor, a="import numpy as np", b="x =")
    content = {"document": {"uri": cell("b")["document"], "version": 2}, "changes": [insertion(0, 3, " ")]}
    change_notebook(editor, {"textContent": [content]})
    assert ["np.zeros(3)"] == editor.inline(0, 4, uri=cell("b")["document"])


def test_a_closed_notebook_is_gone(editor: Editor) -> None:
    """With all its cells."""
    open_notebook(editor, a="import numpy as np", b="x = ")
    cells = [{"uri": cell(name)["document"]} for name in "ab"]
    editor.notify("notebookDocument/didClose", {"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": cells})
    assert [] == editor.inline(0, 4, uri=cell("b")["document"])
