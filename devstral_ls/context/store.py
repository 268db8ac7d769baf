"""The index on disk: what each content defines, by its hash, and which content each file had when last seen.

A store that is damaged, of another version or on a full disk costs time, never correctness: it is made
anew once, and if that fails too the index lives in memory.
"""

import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.context.records import FORMAT_VERSION, Record
from devstral_ls.context.syntax import fingerprint

LOCK_TIMEOUT_S = 2.0
_COMPRESSION_LEVEL = 1
_LOGGER = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blob(hash BLOB PRIMARY KEY, record BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file(path TEXT PRIMARY KEY, modified_ns INTEGER, n_bytes INTEGER, hash BLOB) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was last read; `hash` is empty for one that is not shown."""

    modified_ns: int
    n_bytes: int
    hash: bytes


class Store:
    """One SQLite database; the process that indexes is its only writer."""

    def __init__(self, file: Path | None) -> None:
        self._connection = _open(file)

    def close(self) -> None:
        self._connection.close()

    def seen(self) -> dict[str, Seen]:
        """All files that were seen, by path."""
        rows = self._connection.execute("SELECT path, modified_ns, n_bytes, hash FROM file")
        return {path: Seen(modified_ns, n_bytes, digest) for path, modified_ns, n_bytes, digest in rows}

    def all_hashes(self) -> set[bytes]:
        """All contents that were read before."""
        return {digest for (digest,) in self._connection.execute("SELECT hash FROM blob")}

    def records(self, hashes: Mapping[str, bytes]) -> dict[str, Record]:
        """What each path's content defines."""
        found: dict[bytes, Record] = {}
        wanted = set(hashes.values())
        for digest, packed in self._connection.execute("SELECT hash, record FROM blob"):
            if digest in wanted:
                found[digest] = Record.from_bytes(zlib.decompress(packed))
        return {path: found[digest] for path, digest in hashes.items() if digest in found}

    def add(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep what was read of some contents."""
        packed = [(digest, zlib.compress(record, _COMPRESSION_LEVEL)) for digest, record in rows]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO blob VALUES (?, ?)", packed)

        self._write(write)

    def remember(self, files: Mapping[str, Seen]) -> None:
        """These are the files now; contents stay, for the next branch that has them again."""
        rows = [(path, seen.modified_ns, seen.n_bytes, seen.hash) for path, seen in files.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM file")
            connection.executemany("INSERT INTO file VALUES (?, ?, ?, ?)", rows)

        self._write(write)

    def _write(self, write: Callable[[sqlite3.Connection], None]) -> None:
        """Write all or nothing; where the disk is full or another process writes for long, go on in memory."""
        try:
            with self._connection:
                write(self._connection)
        except sqlite3.OperationalError as error:
            _LOGGER.warning("the index store cannot be written, the index lives in memory: %s", error)
            kept, self._connection = self._connection, _connect(None)
            kept.backup(self._connection)
            kept.close()
            with self._connection:
                write(self._connection)


def _open(file: Path | None) -> sqlite3.Connection:
    for attempt in _attempts(file):
        try:
            return _connect(attempt)
        except (sqlite3.OperationalError, OSError) as error:
            _LOGGER.warning("the index store is in use or cannot be written, the index lives in memory: %s", error)
            break
        except sqlite3.Error as error:
            _LOGGER.warning("the index store is damaged or of another version and is made anew: %s", error)
    return _connect(None)


def _attempts(file: Path | None) -> Iterator[Path | None]:
    """The store as it is, then an empty one in its place."""
    if file is None:
        return
    yield file
    for leftover in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        leftover.unlink(missing_ok=True)
    yield file


def _connect(file: Path | None) -> sqlite3.Connection:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file or ":memory:", timeout=LOCK_TIMEOUT_S)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(_SCHEMA)
    expected = f"{FORMAT_VERSION} {fingerprint()}"
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (expected,))
    connection.commit()
    (written,) = connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    if written != expected:
        connection.close()
        raise sqlite3.DatabaseError(f"the store has format {written}, this version writes {expected}")
    return connection
