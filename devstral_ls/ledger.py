"""What became of suggestions, counted in a database of the user's own; no source text is ever in it.

The only module beside the index that knows SQLite. A ledger that cannot be written costs a line in the log.
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstral_ls.errors import UsageError

FILE_NAME = "suggestions.sqlite3"
KEPT_DAYS = 90
SURVIVALS_S = (30, 120, 300, 600)
LOCK_TIMEOUT_S = 5.0
MAX_WAITING = 1_000  # entries that are not written yet; more are dropped

_LOGGER = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS suggestion(
    id TEXT PRIMARY KEY, at_s REAL, language TEXT, source TEXT, n_characters INTEGER, latency_ms REAL,
    is_shown INTEGER DEFAULT 0, n_accepted INTEGER DEFAULT 0, is_partial INTEGER DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS survival(
    id TEXT, after_s INTEGER, is_alive INTEGER, PRIMARY KEY(id, after_s)
) WITHOUT ROWID;
"""
_TOTALS = f"""
SELECT {{by}}, count(*), sum(0 < n_accepted), sum(is_partial), sum(n_accepted), avg(latency_ms), {
    ", ".join(
        f"sum((SELECT is_alive FROM survival v WHERE v.id = s.id AND after_s = {after_s})),"
        f" sum((SELECT count(*) FROM survival v WHERE v.id = s.id AND after_s = {after_s}))"
        for after_s in SURVIVALS_S
    )
}
FROM suggestion s WHERE ? <= at_s GROUP BY 1 ORDER BY 2 DESC
"""  # noqa: S608  made of constants

_Entry = Callable[[sqlite3.Connection], object]


@dataclass(frozen=True, slots=True)
class Total:
    """The suggestions of one language or source."""

    name: str
    n_offered: int
    n_accepted: int
    n_partial: int
    n_characters: int  # that were accepted
    latency_ms: float | None  # mean
    alive: tuple[tuple[int, int], ...]  # for each of SURVIVALS_S: how many lived, of how many


class Ledger:
    """Writes in a thread of its own: nobody who types waits for a disk. Close it to have everything written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: queue.Queue[_Entry | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._write, name="devstral-ledger", daemon=True)
        self._thread.start()

    def offered(self, offer_id: str, *, language: str, source: str, n_characters: int, latency_ms: float) -> None:
        """A suggestion was sent to the editor; `source` says what it came from."""
        row = (offer_id, time.time(), language, source, n_characters, latency_ms)
        columns = "id, at_s, language, source, n_characters, latency_ms"
        self._put(lambda db: db.execute(f"INSERT OR IGNORE INTO suggestion({columns}) VALUES (?,?,?,?,?,?)", row))  # noqa: S608

    def shown(self, offer_id: str) -> None:
        self._put(lambda db: db.execute("UPDATE suggestion SET is_shown = 1 WHERE id = ?", (offer_id,)))

    def accepted(self, offer_id: str, n_characters: int, *, is_partial: bool) -> None:
        """So much of a suggestion was taken; the last word counts, and the whole is never less than a part."""
        change = "UPDATE suggestion SET is_shown = 1, n_accepted = max(n_accepted, ?), is_partial = ? WHERE id = ?"
        self._put(lambda db: db.execute(change, (n_characters, is_partial, offer_id)))

    def survived(self, offer_id: str, after_s: int, *, is_alive: bool) -> None:
        row = (offer_id, after_s, is_alive)
        self._put(lambda db: db.execute("INSERT OR REPLACE INTO survival VALUES (?,?,?)", row))

    def close(self) -> None:
        """Write what waits."""
        self._entries.put(None)
        self._thread.join(LOCK_TIMEOUT_S)

    def _put(self, entry: _Entry) -> None:
        try:
            self._entries.put_nowait(entry)
        except queue.Full:
            _LOGGER.warning("the ledger is %d entries behind; one was dropped", MAX_WAITING)

    def _write(self) -> None:
        """The thread."""
        try:
            with closing(_open(self._file)) as database:
                while (entry := self._entries.get()) is not None:
                    entry(database)
        except (OSError, sqlite3.Error) as error:
            _LOGGER.warning("suggestions are not counted: %s cannot be written (%s)", self._file, error)


def totals(file: Path, by: str, *, n_days: int) -> list[Total]:
    """What the ledger in `file` says of the last days, by "language" or "source"; the largest first."""
    assert by in ("language", "source")
    if not file.exists():
        return []
    since_s = time.time() - 86_400 * n_days
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_TIMEOUT_S)) as database:
            return [_total(row) for row in database.execute(_TOTALS.format(by=by), (since_s,))]
    except sqlite3.Error as error:
        raise UsageError(f"{file} cannot be read ({error}); move it away and counting starts anew") from error


def _total(row: tuple[Any, ...]) -> Total:
    name, n_offered, n_accepted, n_partial, n_characters, latency_ms, *alive = row
    pairs = tuple((lived or 0, asked or 0) for lived, asked in zip(alive[::2], alive[1::2], strict=True))
    return Total(name, n_offered, n_accepted or 0, n_partial or 0, n_characters or 0, latency_ms, pairs)


def _open(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Several editors may write at once, and losing the last second to a power cut is no loss.
    database = sqlite3.connect(file, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    database.executescript(_SCHEMA)
    oldest_s = time.time() - 86_400 * KEPT_DAYS
    database.execute("DELETE FROM survival WHERE id IN (SELECT id FROM suggestion WHERE at_s < ?)", (oldest_s,))
    database.execute("DELETE FROM suggestion WHERE at_s < ?", (oldest_s,))
    return database
