"""What is known of a workspace follows the disk, whoever writes there."""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from editor import PATIENCE_S, Editor
from server_fixtures import Connect

MAIN = "def pay(account, basket):\n    \n"


def saved(editor: Editor, root: Path) -> None:
    editor.notify("textDocument/didSave", {"textDocument": {"uri": (root / "main.py").as_uri()}})


def told(editor: Editor, root: Path) -> None:
    change = {"uri": (root / "goods.py").as_uri(), "type": 1}
    editor.notify("workspace/didChangeWatchedFiles", {"changes": [change]})


def switched(_editor: Editor, root: Path) -> None:
    """As any git command does that writes files."""
    (root / ".git" / "index").write_bytes(b"DIRC, another one")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "root"
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "index").write_bytes(b"DIRC")
    (root / "bank.py").write_text("class Account: ...\n")
    return root


def wait_for(editor: Editor, root: Path, signature: str) -> None:
    """Ask what the model would see until it is that; the index works in a process of its own."""
    cursor = {"document": (root / "main.py").as_uri(), "line": 1, "character": 4}
    deadline_s = time.monotonic() + PATIENCE_S
    while (
        signature
        not in editor.ask("workspace/textDocumentContent", {"uri": f"devstral-context:/m?{urlencode(cursor)}"})["text"]
    ):
        assert time.monotonic() < deadline_s, f"{signature} was not seen"


@pytest.mark.parametrize("write", [saved, told, switched], ids=lambda each: each.__name__)
def test_new_files_are_seen(connect: Connect, root: Path, write: Callable[[Editor, Path], None]) -> None:
    """After a document was saved, a watched file changed, or git wrote its index; nothing imports the new file."""
    editor = connect().editor
    editor.initialize(workspaceFolders=[{"uri": root.as_uri(), "name": "root"}])
    editor.open(MAIN, uri=(root / "main.py").as_uri())
    wait_for(editor, root, "class Account")
    (root / "goods.py").write_text("class Basket: ...\n")
    write(editor, root)
    wait_for(editor, root, "class Basket")


def test_files_are_watched_where_that_can_be_registered(connect: Connect, root: Path) -> None:
    """Those that an index is made of, asked for once."""
    editor = connect().editor
    files = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}
    editor.initialize(files, workspaceFolders=[{"uri": root.as_uri(), "name": "root"}])
    editor.open(MAIN, uri=(root / "main.py").as_uri())
    editor.inline(1, 4, uri=(root / "main.py").as_uri())
    (registration,) = editor.question("client/registerCapability")["params"]["registrations"]
    assert "workspace/didChangeWatchedFiles" == registration["method"]
    assert any(".py" in each["globPattern"] for each in registration["registerOptions"]["watchers"])
