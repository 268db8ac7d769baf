"""The read-only document that shows what the model sees at a place."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from editor import Editor
from server_fixtures import Connect

SCHEME = "devstral-context"
INVALID_PARAMS, REQUEST_FAILED = -32602, -32803
MAIN = "from shop import Basket\nbasket = Basket()\nbasket.\n"


def uri_of(document: str, line: int, character: int) -> str:
    return f"{SCHEME}:/main.py?{urlencode({'document': document, 'line': line, 'character': character})}"


def asked(editor: Editor, uri: str) -> int:
    return editor.request("workspace/textDocumentContent", {"uri": uri})


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "root & more"
    root.mkdir()
    (root / "shop.py").write_text("class Basket:\n    def add(self, item: str) -> None: ...\n")
    return root


def test_the_context_of_a_place_is_a_document(connect: Connect, root: Path) -> None:
    """The scheme is advertised; the text names the files, the signatures and what speaks for them."""
    editor = connect().editor
    told = editor.initialize(workspaceFolders=[{"uri": root.as_uri(), "name": "root"}])
    assert [SCHEME] == told["capabilities"]["workspace"]["textDocumentContent"]["schemes"]
    uri = (root / "main.py").as_uri()
    editor.open(MAIN, uri=uri)
    lines = editor.result(asked(editor, uri_of(uri, 2, 7)))["text"].splitlines()
    assert "shop.py" in lines
    assert any("def add(self, item: str) -> None" in line and "popular_member +" in line for line in lines)


def test_a_place_that_is_not_open_is_refused(editor: Editor) -> None:
    """The editor is told why."""
    error = editor.reply(asked(editor, uri_of("file:///none.py", 0, 0)))["error"]
    assert (REQUEST_FAILED, "no context: the document is not open") == (error["code"], error["message"])


@pytest.mark.parametrize("uri", ["", "file:///main.py", f"{SCHEME}:/main.py", uri_of("file:///main.py", 0, 0) + "x"])
def test_a_uri_that_names_no_place_is_refused(editor: Editor, uri: str) -> None:
    """The error shows the form that it must have."""
    assert INVALID_PARAMS == editor.error_code(asked(editor, uri))
