"""The files around a document, as the match model searches them."""

from pathlib import Path

import pytest

from devstral_ls.context import Workspace, neighbours
from devstral_ls.text import Document

VIEWS = Document("file:///app/views.py", "", path="app/views.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small package with a file that must not be shown and one of another language."""
    for path, text in {
        "app/views.py": "own = 1\n",
        "app/models.py": "near = 1\n",
        "app/admin/forms.py": "deeper = 1\n",
        "lib/far.py": "far = 1\n",
        "app/views.js": "const other = 1;\n",
        "app/secrets.json": "{}",
        "ignored.py": "ignored = 1\n",
        ".gitignore": "ignored.py\n",
        "app/keys.py": f"KEY = '{'Zk3vQ9x7LmB2pR8sT5uW'}'\n",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return tmp_path


def test_nearest_first(project: Path) -> None:
    """Files of the same folder, then the fewest folders away; the document itself and other languages are left out."""
    with Workspace((project,), libraries=()) as workspace:
        found = workspace.neighbourhood.collect(VIEWS)
    assert ("KEY = '***'\n", "near = 1\n", "deeper = 1\n", "far = 1\n") == found.texts


def test_a_change_is_another_key(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine learns texts again only when they are others."""
    monkeypatch.setattr(neighbours, "FRESH_S", 0.0)
    with Workspace((project,), libraries=()) as workspace:
        first = workspace.neighbourhood.collect(VIEWS)
        assert first.key == workspace.neighbourhood.collect(VIEWS).key
        (project / "app" / "models.py").write_text("near = 2\n", "utf-8")
        assert first.key != workspace.neighbourhood.collect(VIEWS).key


def test_room_is_limited(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is nearest is kept."""
    monkeypatch.setattr(neighbours, "MAX_CHARACTERS", 32)
    with Workspace((project,), libraries=()) as workspace:
        found = workspace.neighbourhood.collect(VIEWS)
    assert ("KEY = '***'\n", "near = 1\n", "deeper = 1\n") == found.texts


def test_nothing_is_known_before_it_was_collected(project: Path) -> None:
    """A keystroke never waits for the disk."""
    with Workspace((project,), libraries=()) as workspace:
        assert workspace.neighbourhood.known(VIEWS) is None
        workspace.neighbourhood.collect(VIEWS)
        assert workspace.neighbourhood.known(VIEWS) is not None


def test_no_project_no_neighbours() -> None:
    """A document of its own has none."""
    with Workspace((), libraries=()) as workspace:
        assert () == workspace.neighbourhood.collect(Document("untitled:notes.py", "", path="notes.py")).texts


def test_a_root_of_its_own_comes_first(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Equal paths in two roots are two files: the other one is a neighbour, but no near one."""
    other = tmp_path_factory.mktemp("other")
    (other / "app").mkdir()
    (other / "app" / "views.py").write_text("theirs = 1\n", "utf-8")
    document = Document((project / "app" / "views.py").as_uri(), "", path="app/views.py")
    with Workspace((other, project), libraries=()) as workspace:
        found = workspace.neighbourhood.collect(document)
    assert ("KEY = '***'\n", "near = 1\n", "deeper = 1\n", "far = 1\n", "theirs = 1\n") == found.texts
