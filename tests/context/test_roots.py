"""Several folders in one workspace: files of the same name in two of them stay two files."""

from pathlib import Path

import pytest
from context_fixtures import budget_of, texts, write_files

from devstral_ls.context import Sources, Workspace, gather
from devstral_ls.text import Document, Place

WAIT_S = 60
APPLES = """\
#- shop.py
class Apple:
    def peel(self) -> None: ...
#- main.py
from shop import Apple
"""
BOLTS = """\
#- shop.py
class Bolt:
    def turn(self) -> None: ...
#- main.py
from shop import Bolt
"""


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_files(tmp_path / "apples", APPLES)
    write_files(tmp_path / "bolts", BOLTS)
    return tmp_path


def end_of(file: Path, text: str | None = None) -> Place:
    """The cursor at the end of an open file, which is named as the server names it: relative to its root."""
    document = Document(file.as_uri(), text or file.read_text(), path=file.name)
    return Place(document, len(document.text))


def shown(workspace: Workspace, place: Place, *documents: Document) -> dict[str, str]:
    return texts(gather(place, budget=budget_of(), sources=Sources(documents, workspace)).stable)


@pytest.mark.parametrize("is_indexed", [False, True])
def test_an_import_means_the_file_in_the_own_root(two: Path, *, is_indexed: bool) -> None:
    """Each `main.py` sees the `shop.py` beside it first, under a name that tells it from the other."""
    with Workspace((two / "apples", two / "bolts"), libraries=()) as workspace:
        if is_indexed:
            workspace.open_index()
            assert workspace.wait_for_index(WAIT_S)
        for root, signature in (("apples", "class Apple:\n    def peel"), ("bolts", "class Bolt:\n    def turn")):
            found = shown(workspace, end_of(two / root / "main.py"))
            assert found[f"{root}/shop.py"].startswith(signature)


def test_an_open_document_shadows_only_its_own_file(two: Path) -> None:
    """A `shop.py` that is edited in one root changes nothing in the other."""
    edited = end_of(two / "bolts" / "shop.py", "class Nut: ...\n").document
    with Workspace((two / "apples", two / "bolts"), libraries=()) as workspace:
        found = shown(workspace, end_of(two / "apples" / "main.py"), edited)
        assert "class Apple" in found["apples/shop.py"]
        assert "Apple" not in found.get("bolts/shop.py", "")


def test_roots_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    """The second one gets a number."""
    write_files(tmp_path / "a" / "src", APPLES)
    write_files(tmp_path / "b" / "src", BOLTS)
    with Workspace((tmp_path / "a" / "src", tmp_path / "b" / "src"), libraries=()) as workspace:
        assert {"src-2/shop.py"} == shown(workspace, end_of(tmp_path / "b" / "src" / "main.py")).keys()


def test_a_root_inside_another_is_part_of_it(two: Path) -> None:
    """Nothing is shown twice."""
    with Workspace((two, two / "apples"), libraries=()) as workspace:
        assert {"apples/shop.py"} == shown(workspace, end_of(two / "apples" / "main.py")).keys()


def test_a_root_that_is_no_folder_is_left_alone(two: Path) -> None:
    """Editors name such ones for files that were never saved; no process is started for it."""
    with Workspace((two / "nowhere", two / "apples" / "main.py"), libraries=()) as workspace:
        workspace.open_index()
        assert workspace.wait_for_index(0)
    assert not (two / "cache").exists()
