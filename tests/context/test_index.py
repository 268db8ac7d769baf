"""The index of a workspace: what it holds, what it leaves out, and that it is never stale."""

import os
import random
import sqlite3
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from context_fixtures import budget_of, place_at, texts, write_files

from devstral_ls.context import Sources, Workspace, gather
from devstral_ls.context.columns import Columns, Postings, open_columns, save_columns
from devstral_ls.context.indexer import update_index
from devstral_ls.context.query import query_at
from devstral_ls.context.rank import rank
from devstral_ls.context.records import read_record
from devstral_ls.context.walk import is_too_wide, walk

WAIT_S = 60

FIXTURE = """\
def pay(basket):
    $0
#- goods.py
class Basket:
    def total(self) -> int: ...
"""


@pytest.fixture
def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with an index of the fixture, kept below the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "root"
    write_files(root, FIXTURE)
    with Workspace((root,), libraries=()) as workspace:
        workspace.open_index()
        assert workspace.wait_for_index(WAIT_S)
        yield workspace


def shown(workspace: Workspace, fixture: str = FIXTURE) -> dict[str, str]:
    place = place_at(fixture.split("#-", maxsplit=1)[0])
    return texts(gather(place, budget=budget_of(), sources=Sources(workspace=workspace)).stable)


def arrays(columns: Columns) -> list[bytes]:
    values = (getattr(columns, each.name) for each in fields(Columns) if each.name != "file_stamp")
    return [
        value.bounds.tobytes() + value.values.tobytes() if isinstance(value, Postings) else value.tobytes()
        for value in values
    ]


def paths_below(root: Path) -> list[str]:
    return [found.path for found in walk(root)]


def test_a_class_that_nothing_imports_yet_is_found(indexed: Workspace) -> None:
    """A parameter called `basket` brings the class `Basket` before its import is written."""
    assert {"goods.py": "class Basket:\n    def total(self) -> int: ..."} == shown(indexed)


@pytest.mark.parametrize(
    "main",
    [
        "from timing import Instant\nclass Report:\n    def start(self):\n        self.begun = Instant()\n",
        "import timing\nclass Report:\n    def start(self):\n        self.begun = timing.now()\n",
        "class Report(Base):\n",
    ],
    ids=["made here", "returned", "declared elsewhere"],
)
def test_the_class_behind_a_near_dot_is_looked_for(tmp_path: Path, main: str) -> None:
    """By what the name before the dot is declared with, in this text or in another one."""
    write_files(
        tmp_path,
        "#- timing.py\nclass Instant:\n    def elapsed(self): ...\ndef now() -> Instant: ...\n"
        "#- base.py\nclass Base:\n    begun: Instant\n",
    )
    columns = update_index(tmp_path, None)
    place = place_at(f"{main}    def end(self):\n        self.begun.x()\n        $0\n")
    read = read_record(place.document.text, "python")
    ranking = rank(query_at(place, read.outline, read.names, []), columns)
    outline = columns.outline(columns.file_rows["timing.py"])
    row = columns.symbols_of(columns.file_rows["timing.py"]).start + outline.find("Instant.elapsed")
    assert "receiver" in dict(ranking.reasons(row))


def test_a_file_that_changed_since_is_shown_as_it_is(indexed: Workspace, tmp_path: Path) -> None:
    """The disk is compared with the index before anything of it is shown."""
    (tmp_path / "root" / "goods.py").write_text("class Basket:\n    def price(self): ...\n")
    assert {"goods.py": "class Basket:\n    def price(self): ..."} == shown(indexed)


def test_a_file_that_was_deleted_since_is_not_shown(indexed: Workspace, tmp_path: Path) -> None:
    """Also when the index still knows it."""
    (tmp_path / "root" / "goods.py").unlink()
    assert {} == shown(indexed)


def test_what_is_shown_does_not_flicker(indexed: Workspace, tmp_path: Path) -> None:
    """While a word is typed the stable context is the same object."""
    place_sources = Sources(workspace=indexed)
    first = gather(place_at("def pay(basket):\n    $0"), budget=budget_of(), sources=place_sources)
    second = gather(place_at("def pay(basket):\n    b$0"), budget=budget_of(), sources=place_sources)
    assert first.stable == second.stable


def test_new_wishes_are_appended(indexed: Workspace, tmp_path: Path) -> None:
    """What is shown keeps its place at the start, so that the engine need not read it again."""
    (tmp_path / "root" / "bank.py").write_text("class Account: ...\n")
    sources = Sources(workspace=indexed)
    first = gather(place_at("def pay(basket):\n    $0"), budget=budget_of(), sources=sources).stable
    second = gather(
        place_at("from bank import Account\ndef pay(basket):\n    $0"), budget=budget_of(), sources=sources
    ).stable
    assert first == second[: len(first)]
    assert ["bank.py"] == [piece.path for piece in second[len(first) :]]


def test_the_incremental_index_equals_the_cold_one(tmp_path: Path) -> None:
    """After many random edits, deletions and renames an update gives the bytes of an index made from nothing."""
    root, rng = tmp_path / "root", random.Random(7)
    root.mkdir()
    for _ in range(25):
        for _ in range(8):
            file = root / f"m{rng.randrange(12)}.py"
            if rng.random() < 0.2:
                file.unlink(missing_ok=True)
            else:
                imported, name = rng.randrange(12), rng.randrange(50)
                file.write_text(f"from m{imported} import f{name}\ndef f{name}(a, b={name}): ...\nclass C{name}: ...\n")
        incremental = update_index(root, tmp_path / "store")
    assert arrays(update_index(root, None)) == arrays(incremental)


def test_columns_survive_the_disk(tmp_path: Path) -> None:
    """Saved and mapped arrays are the built ones; an empty index too."""
    write_files(tmp_path / "root", FIXTURE)
    for root in (tmp_path / "root", tmp_path / "nothing"):
        built = update_index(root, None)
        save_columns(built, tmp_path / "columns")
        opened = open_columns(tmp_path / "columns")
        assert opened is not None
        assert arrays(built) == arrays(opened)


@pytest.mark.parametrize("damage", [b"", b"not a database at all, but long enough to look like a file" * 20])
def test_a_damaged_store_is_made_anew(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Damage costs time, never the index; it is told of once."""
    write_files(tmp_path / "root", FIXTURE)
    expected = arrays(update_index(tmp_path / "root", tmp_path / "store"))
    (tmp_path / "store" / "store.sqlite").write_bytes(damage)
    for _ in range(2):
        assert expected == arrays(update_index(tmp_path / "root", tmp_path / "store"))
    assert bool(damage) == len([each for each in caplog.messages if "made anew" in each])


def test_a_store_of_another_version_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What another version wrote is not read, which is told of once."""
    write_files(tmp_path / "root", FIXTURE)
    expected = arrays(update_index(tmp_path / "root", tmp_path / "store"))
    with sqlite3.connect(tmp_path / "store" / "store.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '0 old'")
        connection.execute("UPDATE blob SET record = x'00'")
    for _ in range(2):
        assert expected == arrays(update_index(tmp_path / "root", tmp_path / "store"))
    assert 1 == len([each for each in caplog.messages if "made anew" in each])


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    """The index then lives in memory."""
    write_files(tmp_path / "root", FIXTURE)
    (tmp_path / "file").write_text("")
    assert 2 == update_index(tmp_path / "root", tmp_path / "file" / "store").n_symbols


@pytest.mark.parametrize(
    "path",
    [
        "node_modules/a.py",
        ".env",
        "ignored/a.py",
        "a/b/mine.py",
        "data.bin",
        ".git/a.py",
        "secrets.json",
    ],
)
def test_left_out_of_the_walk(tmp_path: Path, path: str) -> None:
    """Vendored, secret, ignored and unknown files are not found."""
    write_files(tmp_path, "#- .gitignore\nignored/\n#- a/.devstralignore\nmine.py\n#- kept.py\n")
    write_files(tmp_path, f"#- {path}\nx = 1\n")
    assert ["kept.py"] == paths_below(tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither loops nor ways out of the root."""
    write_files(tmp_path / "root", "#- a/kept.py\nx = 1\n")
    (tmp_path / "root" / "a" / "loop").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "out.py").symlink_to(tmp_path)
    assert ["a/kept.py"] == paths_below(tmp_path / "root")


def test_near_files_come_first(tmp_path: Path) -> None:
    """The folder of an open file is read before the rest."""
    write_files(tmp_path, "#- a/x.py\n#- b/y.py\n#- c/z.py\n")
    assert ["b/y.py", "a/x.py", "c/z.py"] == [found.path for found in walk(tmp_path, near=["b/main.py"])]


def test_a_home_folder_is_no_project() -> None:
    """Neither it nor the root of a disk is ever walked."""
    assert is_too_wide(Path.home())
    assert is_too_wide(Path("/"))
    assert not is_too_wide(Path(__file__).parent)


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    """Nothing depends on the order of sets or of the disk."""
    write_files(tmp_path, FIXTURE)
    os.utime(tmp_path / "goods.py", (1, 1))
    first, second = update_index(tmp_path, None), update_index(tmp_path, None)
    assert arrays(first) == arrays(second)
    assert np.array_equal(first.file_stamp, second.file_stamp)
