"""Disks that are full, slow, in use or changing: the index costs time then, never correctness."""

import logging
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from context_fixtures import write_files
from test_index import FIXTURE, arrays

from devstral_ls.context.index import Index
from devstral_ls.context.indexer import update_index
from devstral_ls.context.store import Seen, Store
from devstral_ls.context.walk import MAX_FILES, walk

WAIT_S = 60
PERIOD_S = 0.01


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_files(tmp_path / "root", FIXTURE)
    return tmp_path / "root"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own that has no room left."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount a disk")
    with (folder / "full").open("wb", buffering=0) as stream:
        while _is_written(stream.fileno()):
            pass
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _is_written(descriptor: int) -> bool:
    try:
        return 0 < os.write(descriptor, bytes(4096))
    except OSError:
        return False


def columns_of(root: Path, folder: Path) -> list[bytes]:
    """The arrays that the server gets when their folder is `folder`."""
    index = Index(root, folder)
    index.refresh()
    assert index.wait(WAIT_S)
    assert index.columns is not None
    return arrays(index.columns)


def test_on_a_full_disk_the_index_lives_in_memory(
    root: Path, full_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and the arrays are those of any other disk."""
    with caplog.at_level(logging.WARNING):
        found = columns_of(root, full_disk / "store")
    assert arrays(update_index(root, None)) == found
    assert "in memory" in caplog.text


def test_a_folder_that_cannot_be_made_is_done_without(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a full disk."""
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        found = columns_of(root, tmp_path / "file" / "store")
    assert arrays(update_index(root, None)) == found
    assert "in memory" in caplog.text


def test_a_store_that_fills_up_goes_on_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What it held before and what did not fit are both there."""
    store = Store(tmp_path / "store.sqlite")
    store.add([(b"first", b"kept")])
    store._connection.execute("PRAGMA max_page_count = 8")  # SQLite's own full disk
    rows = [(bytes([number]) * 16, os.urandom(1_000)) for number in range(200)]
    store.add(rows)
    store.remember({"a.py": Seen(1, 2, b"first")})
    assert {b"first", *(digest for digest, _ in rows)} == store.all_hashes()
    assert ["a.py"] == list(store.seen())
    assert "in memory" in caplog.text
    store.close()


def test_a_locked_store_is_done_without(root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another program may hold it for as long as it likes."""
    expected = arrays(update_index(root, tmp_path / "store"))
    with sqlite3.connect(tmp_path / "store" / "store.sqlite", isolation_level=None) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        assert expected == arrays(update_index(root, tmp_path / "store"))
    assert "in use" in caplog.text


def test_files_that_change_while_they_are_read(root: Path, tmp_path: Path) -> None:
    """One is written every 10 ms, others come and go; once they rest, the index is that of a cold start."""
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.wait(PERIOD_S):
            number += 1
            (root / "busy.py").write_text(f"def f{number % 10}(): ...\n")
            (root / f"coming{number % 3}.py").write_text("class Guest: ...\n")
            (root / f"coming{(number + 1) % 3}.py").unlink(missing_ok=True)

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for _ in range(20):
            update_index(root, tmp_path / "store")
    finally:
        stop.set()
        writer.join()
    assert arrays(update_index(root, None)) == arrays(update_index(root, tmp_path / "store"))


def test_a_change_within_one_tick_of_the_clock_is_seen(root: Path, tmp_path: Path) -> None:
    """Two texts of one length under one time, which is not over yet: the second is read too."""
    later_s = time.time() + 3_600
    for name in ("one", "two", "six"):
        (root / "goods.py").write_text(f"class {name}: ...\n")
        os.utime(root / "goods.py", (later_s, later_s))
        found = update_index(root, tmp_path / "store")
        assert arrays(update_index(root, None)) == arrays(found)


@pytest.mark.slow
def test_more_files_than_the_limit(tmp_path: Path) -> None:
    """Of 200,500 files so many are found as the limit says, and it does not take for ever."""
    for folder in range(401):
        (tmp_path / f"p{folder}").mkdir()
        for number in range(500):
            (tmp_path / f"p{folder}" / f"m{number}.py").touch()
    assert MAX_FILES == sum(1 for _ in walk(tmp_path))
    shutil.rmtree(tmp_path)
