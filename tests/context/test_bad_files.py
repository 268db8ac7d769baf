"""Files that cannot or must not be read: the index is that of the others, and each is counted under its rule."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from context_fixtures import budget_of, place_at, texts, write_files

from devstral_ls.context import Sources, Workspace, gather
from devstral_ls.context.census import census
from devstral_ls.context.files import MAX_FILE_BYTES
from devstral_ls.context.indexer import update_index
from devstral_ls.context.roots import Root
from devstral_ls.context.walk import Omission

PERIOD_S = 0.01
N_LOOKS = 60
NOBODY = 65_534
GOOD = "#- good.py\nclass Good: ...\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_files(tmp_path / "root", GOOD)
    return tmp_path / "root"


def binary(file: Path) -> None:
    file.write_bytes(b"class Bad: ...\0")


def wrongly_encoded(file: Path) -> None:
    file.write_bytes("class Bad: 'ä'".encode("latin-1"))


def huge(file: Path) -> None:
    file.write_text("class Bad: ...\n" + "#\n" * (MAX_FILE_BYTES // 2))


def generated(file: Path) -> None:
    file.write_text("class Bad: x = [" + "1, " * 10_000 + "]\n")


def pipe(file: Path) -> None:
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.mkdir()


def dangling(file: Path) -> None:
    file.symlink_to("nowhere.py")


def loop(file: Path) -> None:
    file.symlink_to(file.name)


def loop_of_folders(file: Path) -> None:
    file.with_name("down").mkdir()
    (file.with_name("down") / "up").symlink_to("..")


def odd_name(file: Path) -> None:
    Path(os.fsdecode(os.fsencode(file.parent) + b"/\xff.py")).write_text("class Bad: ...\n")


@pytest.mark.parametrize(
    "make",
    [binary, wrongly_encoded, huge, generated, pipe, folder, dangling, loop, loop_of_folders, odd_name],
    ids=lambda each: each.__name__,
)
def test_one_bad_file_costs_only_itself(root: Path, make: Callable[[Path], None]) -> None:
    """Nothing waits for it, nothing fails, and the other file is indexed."""
    make(root / "bad.py")
    assert ("good.py",) == update_index(root, None).paths


@contextmanager
def without_privileges() -> Iterator[None]:
    """As somebody who may not read everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of Unix")
def test_what_may_not_be_read_is_left_out() -> None:
    """A file and a folder without permission."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_files(root, f"{GOOD}#- closed/inside.py\nclass Bad: ...\n#- bad.py\nclass Bad: ...\n")
        root.chmod(0o755)  # pytest's own folders are closed to others
        (root / "bad.py").chmod(0)
        (root / "closed").chmod(0)
        with without_privileges():
            assert ("good.py",) == update_index(root, None).paths
        (root / "closed").chmod(0o755)


def test_a_file_that_goes_while_it_is_waited_for_is_left_out(root: Path) -> None:
    """The walk has found it, and it is gone when it is to be read."""
    (root / "going.py").write_text("class Going: ...\n")
    told: list[tuple[int, int]] = []
    (root / "many").mkdir()
    for number in range(70):  # of one batch the first are read before anybody is told
        (root / "many" / f"m{number}.py").write_text(f"class M{number}: ...\n")

    def progress(n_done: int, n_files: int) -> None:
        told.append((n_done, n_files))
        (root / "many" / "m9.py").unlink(missing_ok=True)

    paths = update_index(root, None, progress=progress).paths
    assert (72, 72) == told[-1]
    assert "many/m9.py" not in paths
    assert 71 == len(paths)


def test_what_changes_every_10_ms_is_shown_as_it_was_written(root: Path) -> None:
    """At each look one of the texts that were there, whole, and never an older one than the last."""
    file = root / "busy.py"
    stop = threading.Event()
    file.write_text("def f1000(): ...\n")

    def change() -> None:
        number = 1_000
        while not stop.wait(PERIOD_S):
            number += 1
            file.with_suffix(".new").write_text(f"def f{number}(): ...\n")
            file.with_suffix(".new").replace(file)

    writer = threading.Thread(target=change)
    sources = Sources(workspace=Workspace((root,), libraries=()))
    place = place_at("import busy\nbusy.$0")
    writer.start()
    try:
        seen = [texts(gather(place, budget=budget_of(), sources=sources).stable)["busy.py"] for _ in range(N_LOOKS)]
    finally:
        stop.set()
        writer.join()
    assert sorted(seen) == seen
    assert file.read_text().strip() == texts(gather(place, budget=budget_of(), sources=sources).stable)["busy.py"]


def test_a_text_of_the_same_size_in_the_same_tick_is_seen(root: Path) -> None:
    """Disks tell the time in ticks: an equal time and size are no equal text for as long as the tick lasts."""
    sources = Sources(workspace=Workspace((root,), libraries=()))
    place = place_at("import busy\nbusy.$0")
    shown = []
    for name in ("one", "two", "six"):
        (root / "busy.py").write_text(f"def {name}(): ...\n")
        later_s = (root / "good.py").stat().st_mtime + 3_600
        os.utime(root / "busy.py", (later_s, later_s))
        shown.append(texts(gather(place, budget=budget_of(), sources=sources).stable)["busy.py"])
    assert ["def one(): ...", "def two(): ...", "def six(): ..."] == shown


def test_what_is_not_indexed_is_counted_by_its_rule(root: Path) -> None:
    """With an example of each, so that whoever misses a file finds out why."""
    write_files(
        root, "#- .gitignore\nbuilt/\n#- built/a.py\n#- node_modules/b.js\n#- secrets/credentials.py\n#- .env.py\n"
    )
    (root / "link.py").symlink_to("good.py")
    huge(root / "huge.py")
    binary(root / "binary.py")
    subprocess.run(["git", "init", "-q", root], check=True)
    indexed = dict.fromkeys(update_index(root, None).paths)
    assert {
        Omission.LINK: "link.py",
        Omission.VENDORED: ".git/",
        Omission.CONFIDENTIAL: ".env.py",
        Omission.IGNORED: "built/",
        Omission.TOO_LARGE: "huge.py",
        Omission.NO_TEXT: "binary.py",
    } == {each.rule: each.example for each in census([(Root(root), indexed)])}
    assert Omission.NO_TEXT not in {each.rule for each in census([(Root(root), None)])}
