"""What the user is told of the index: how far it is, and why a whole disk or home folder has none."""

from pathlib import Path
from typing import Any

import pytest
from editor import Editor
from server_fixtures import Connect

MAIN = "from shop import Basket\nbasket = Basket()\nbasket.\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a text in it, and a cache elsewhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "shop.py").write_text("class Basket: ...\n")
    monkeypatch.setattr(Path, "home", lambda: home)
    return home


def opened(editor: Editor, root: Path, **capabilities: Any) -> None:
    editor.initialize(capabilities, workspaceFolders=[{"uri": root.as_uri(), "name": "root"}])
    uri = (root / "main.py").as_uri()
    editor.open(MAIN, uri=uri)
    editor.inline(2, 7, uri=uri)


def titles_of_progress(editor: Editor, n: int) -> list[str]:
    """The titles of the next bars, each of which begins and ends."""
    for _ in range(n):
        editor.send(id=editor.question("window/workDoneProgress/create")["id"], result=None)
    values: list[dict[str, Any]] = []
    while sum(each["kind"] == "end" for each in values) < n:
        values.append(editor.notification("$/progress")["value"])
    return [each["title"] for each in values if each["kind"] == "begin"]


def test_the_reading_of_a_root_is_shown(connect: Connect, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar of its own, beside the one of the model."""
    monkeypatch.setattr(Path, "home", lambda: home.parent)
    editor = connect().editor
    opened(editor, home, window={"workDoneProgress": True})
    assert "Indexing home" in titles_of_progress(editor, 2)


def test_a_home_folder_is_not_indexed_before_the_user_says_so(connect: Connect, home: Path) -> None:
    """The question names the folder; after the answer the folder is read."""
    editor = connect().editor
    opened(editor, home, window={"workDoneProgress": True})
    question = editor.question("window/showMessageRequest")
    assert str(home) in question["params"]["message"]
    assert not (home.parent / "cache" / "devstral-ls" / "index").exists()
    editor.send(id=question["id"], result=question["params"]["actions"][0])
    assert "Indexing home" in titles_of_progress(editor, 2)


def test_no_answer_means_no(connect: Connect, home: Path) -> None:
    """Closing the question leaves the folder alone, and suggestions go on."""
    editor = connect().editor
    opened(editor, home)
    editor.send(id=editor.question("window/showMessageRequest")["id"], result=None)
    editor.inline(2, 7, uri=(home / "main.py").as_uri())
    assert not (home.parent / "cache" / "devstral-ls" / "index").exists()
