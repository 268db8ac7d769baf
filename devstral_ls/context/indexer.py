"""The index process: brings the index of one root up to date and says on stdout how far it is.

    python -m devstral_ls.context.indexer ROOT FOLDER [NEAR ...]

Contents that were read before cost nothing, whatever their path: a branch switch costs its new contents.
Bulk parsing needs processes because py-tree-sitter holds the interpreter's lock (issue 111).
"""

import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from devstral_ls.context.columns import CURRENT, Columns, Stamps, build_columns, open_published, save_columns
from devstral_ls.context.files import TICK_NS, language_of, read_text
from devstral_ls.context.housekeeping import remove_forgotten, sign
from devstral_ls.context.records import read_record
from devstral_ls.context.store import Seen, Store
from devstral_ls.context.walk import MAX_FILES, Found, walk

MIN_FILES_FOR_PROCESSES = 200
FILES_A_BATCH = 64
# The first files make an index of their own, so that the first good context need not wait for all.
N_FIRST_FILES = 400
_LOW_PRIORITY = 10
NOT_SETTLED_NS = -1  # of a file that may change again under the same time: it is read anew next time
MEMORY = "/dev/shm"  # noqa: S108  a folder in memory, where Linux has one; the name made in it is random
_LOGGER = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
Publish = Callable[[Columns], None]


def main() -> None:
    """Index the root given on the command line."""
    root, folder, *near = sys.argv[1:]
    logging.basicConfig(handlers=[_Telling()], level=logging.WARNING)
    if hasattr(os, "nice"):
        os.nice(_LOW_PRIORITY)
    _keep_house(Path(root), Path(folder))
    update_index(
        Path(root),
        Path(folder),
        near=near,
        n_processes=max(1, (os.cpu_count() or 2) - 1),
        progress=lambda done, total: _say({"done": done, "total": total}),
        publish=lambda columns: _publish(columns, Path(folder)),
    )


def _keep_house(root: Path, folder: Path) -> None:
    """Where the disk is full or the folder is not ours, the index goes on in memory."""
    with suppress(OSError):
        sign(folder, root)
        remove_forgotten(folder.parent)


def update_index(
    root: Path,
    folder: Path | None,
    *,
    near: Sequence[str] = (),
    n_processes: int = 1,
    progress: Progress | None = None,
    publish: Publish | None = None,
) -> Columns:
    """Read what changed below `root` since the last time; the index of all of it.

    `folder` keeps the store; None keeps it in memory.
    """
    store = Store(folder / "store.sqlite" if folder else None)
    try:
        files = list(walk(root, near))
        if MAX_FILES <= len(files):
            _LOGGER.warning("%s has more files than the %d that are indexed", root, MAX_FILES)
        update = _Update(root.resolve(), store, files, progress)
        changed = update.changed
        published = open_published(folder) if folder is not None and update.is_as_before else None
        if published is not None:
            return published
        if publish is not None and N_FIRST_FILES < len(changed):
            update.read(changed[:N_FIRST_FILES], n_processes=1)
            publish(update.columns())
            changed = changed[N_FIRST_FILES:]
        update.read(changed, n_processes=n_processes)
        update.finish()
        columns = update.columns()
        if publish is not None:
            publish(columns)
        return columns
    finally:
        store.close()


class _Update:
    """One pass over the files of a root; `now` says which content each has, None where that is to be read."""

    def __init__(self, root: Path, store: Store, files: Sequence[Found], progress: Progress | None) -> None:
        self._root, self._store, self._progress = root, store, progress
        self._before = store.seen()
        self._settled_ns = time.time_ns() - TICK_NS
        self._stamps = {found.path: found for found in files}
        self._now = {found.path: _as_before(found, self._before) for found in files}

    @property
    def changed(self) -> list[str]:
        """The files to read, in the order of the walk."""
        return [path for path, seen in self._now.items() if seen is None]

    @property
    def is_as_before(self) -> bool:
        """Whether no file was added, changed or removed since the last update."""
        return self._now == self._before

    def read(self, paths: Sequence[str], *, n_processes: int) -> None:
        """Read these files, in processes when there are many."""
        n_done = 0
        for batch in _batches_read(self._root, paths, self._store.all_hashes(), n_processes):
            self._store.add((digest, record) for _, digest, record in batch if record)
            for path, digest, _ in batch:
                found = self._stamps[path]
                modified_ns = found.modified_ns if found.modified_ns < self._settled_ns else NOT_SETTLED_NS
                self._now[path] = Seen(modified_ns, found.n_bytes, digest)
            n_done += len(batch)
            if self._progress is not None:
                self._progress(n_done, len(paths))

    def finish(self) -> None:
        """Remember which files there are now."""
        seen = {path: each for path, each in self._now.items() if each is not None}
        if seen != self._before:
            self._store.remember(seen)

    def columns(self) -> Columns:
        """The index of all files that were read so far."""
        shown = {path: seen for path, seen in self._now.items() if seen is not None and seen.hash}
        records = self._store.records({path: seen.hash for path, seen in shown.items()})
        stamps: Stamps = {path: (seen.modified_ns, seen.n_bytes) for path, seen in shown.items()}
        return build_columns(records, stamps)


def _as_before(found: Found, before: dict[str, Seen]) -> Seen | None:
    seen = before.get(found.path)
    is_same = seen is not None and (seen.modified_ns, seen.n_bytes) == (found.modified_ns, found.n_bytes)
    return seen if is_same else None


Read = list[tuple[str, bytes, bytes]]  # path, hash of its content, what it defines unless that is known


def _batches_read(root: Path, paths: Sequence[str], known: set[bytes], n_processes: int) -> Iterator[Read]:
    batches = [(root, batch) for batch in _batches(paths)]
    if n_processes <= 1 or len(paths) < MIN_FILES_FOR_PROCESSES:
        yield from (_read_batch(root, batch, known) for root, batch in batches)
        return
    # Spawned, not forked: the parent may have threads.
    with get_context("spawn").Pool(n_processes, _set_known, (known,)) as pool:
        yield from pool.imap_unordered(_read_batch_in_process, batches)


_known_in_process: set[bytes] = set()


def _set_known(known: set[bytes]) -> None:
    _known_in_process.update(known)


def _read_batch_in_process(batch: tuple[Path, list[str]]) -> Read:
    return _read_batch(*batch, _known_in_process)


def _read_batch(root: Path, paths: Sequence[str], known: set[bytes]) -> Read:
    return [_read_one(root, path, known) for path in paths]


def _read_one(root: Path, path: str, known: set[bytes]) -> tuple[str, bytes, bytes]:
    text = read_text(root, path)
    if text is None:
        return path, b"", b""
    digest = blake2b(f"{language_of(path)}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    if digest in known:
        return path, digest, b""
    return path, digest, read_record(text, language_of(path)).as_bytes()


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    remaining = iter(paths)
    while batch := list(islice(remaining, FILES_A_BATCH)):
        yield batch


def _publish(columns: Columns, folder: Path) -> None:
    """Save the arrays under a name of their own: older ones may be mapped by a server that is running."""
    name = f"columns-{os.getpid()}-{columns.n_files}"
    try:
        _save(columns, folder, name)
    except OSError as error:
        _LOGGER.warning("the index cannot be kept in %s, it lives in memory: %s", folder, error.strerror)
        shutil.rmtree(folder / name, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="devstral-ls-", dir=MEMORY if Path(MEMORY).is_dir() else None))
        _save(columns, folder, name)
    _say({"published": name, "folder": str(folder)})


def _save(columns: Columns, folder: Path, name: str) -> None:
    save_columns(columns, folder / name)
    (folder / f"{CURRENT}.new").write_text(name)
    (folder / f"{CURRENT}.new").replace(folder / CURRENT)


class _Telling(logging.Handler):
    """Sends what is logged to the server: this process has no log of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        _say({"problem": record.getMessage()})


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
