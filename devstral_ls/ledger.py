"""What became of suggestions and what they cost, counted in a database of the user's own, without any source text.

The only module beside the index that knows SQLite. A ledger that cannot be written costs a line in the log.
"""

import logging
import math
import queue
import sqlite3
import threading
import time
from collections import Counter
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
CREATE TABLE IF NOT EXISTS request(
    day INTEGER, work TEXT, cache TEXT, finish TEXT, step INTEGER,
    n INTEGER, n_read INTEGER, n_written INTEGER, queue_ms REAL, write_ms REAL,
    PRIMARY KEY(day, work, cache, finish, step)
) WITHOUT ROWID;
"""
_COUNT = """
INSERT INTO request VALUES (?,?,?,?,?,1,?,?,?,?) ON CONFLICT DO UPDATE SET
    n = n + 1, n_read = n_read + excluded.n_read, n_written = n_written + excluded.n_written,
    queue_ms = queue_ms + excluded.queue_ms, write_ms = write_ms + excluded.write_ms
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

_COUNTED = "SELECT work, cache, finish, step, n, n_read, n_written, queue_ms, write_ms FROM request WHERE ? <= day"
# Times are counted in steps of a quarter of an octave: a percentile is right to 9 %, and a day takes few rows.
_STEPS_AN_OCTAVE = 4
_DAY_S = 86_400
_WITHDRAWN = ("cancelled", "superseded")  # by a key that was typed meanwhile

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one request to the model cost, as the engine's metrics say; its kind, cache and end by their names."""

    work: str
    cache: str
    finish: str
    n_read: int  # tokens of the prompt that were not in a cache
    n_written: int  # tokens
    queue_ms: float
    write_ms: float  # behind the first token
    total_ms: float


@dataclass(frozen=True, slots=True)
class Work:
    """All requests of one kind; times are of those that were not withdrawn."""

    name: str
    n_requests: int
    n_withdrawn: int
    caches: dict[str, int]
    finishes: dict[str, int]
    mean_read: float
    mean_written: float
    mean_queue_ms: float
    tokens_per_s: float | None
    p50_ms: float | None
    p95_ms: float | None


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

    def spent(self, cost: Spent) -> None:
        """A request to the model has ended."""
        step = round(_STEPS_AN_OCTAVE * math.log2(max(cost.total_ms, 0.01)))
        kind = (int(time.time() // _DAY_S), cost.work, cost.cache, cost.finish, step)
        row = (*kind, cost.n_read, cost.n_written, cost.queue_ms, cost.write_ms)
        self._put(lambda db: db.execute(_COUNT, row))

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
    return [_total(row) for row in _rows(file, _TOTALS.format(by=by), time.time() - _DAY_S * n_days)]


def work_done(file: Path, *, n_days: int) -> list[Work]:
    """What the requests of the last days cost, by kind; the most frequent first."""
    by_kind: dict[str, list[_Counted]] = {}
    for row in _rows(file, _COUNTED, time.time() // _DAY_S - n_days):
        by_kind.setdefault(row[0], []).append(_Counted(*row[1:]))
    return sorted((_work(name, rows) for name, rows in by_kind.items()), key=lambda work: -work.n_requests)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A row of requests that went alike."""

    cache: str
    finish: str
    step: int
    n: int
    n_read: int
    n_written: int
    queue_ms: float
    write_ms: float


def _work(name: str, rows: list[_Counted]) -> Work:
    caches, finishes = Counter[str](), Counter[str]()
    for row in rows:
        caches[row.cache] += row.n
        finishes[row.finish] += row.n
    n_requests = sum(caches.values())
    ended = sorted((row for row in rows if row.finish not in _WITHDRAWN), key=lambda row: row.step)
    write_s = sum(row.write_ms for row in ended) / 1e3
    n_behind_first = sum(max(0, row.n_written - row.n) for row in ended)
    return Work(
        name=name,
        n_requests=n_requests,
        n_withdrawn=sum(finishes[finish] for finish in _WITHDRAWN),
        caches=dict(caches),
        finishes=dict(finishes),
        mean_read=sum(row.n_read for row in rows) / n_requests,
        mean_written=sum(row.n_written for row in rows) / n_requests,
        mean_queue_ms=sum(row.queue_ms for row in rows) / n_requests,
        tokens_per_s=n_behind_first / write_s if write_s else None,
        p50_ms=_percentile(ended, 0.5),
        p95_ms=_percentile(ended, 0.95),
    )


def _percentile(rows: list[_Counted], share: float) -> float | None:
    """Of rows in the order of their times."""
    left = share * sum(row.n for row in rows)
    for row in rows:
        left -= row.n
        if left <= 0:
            return float(2.0 ** (row.step / _STEPS_AN_OCTAVE))
    return None


def _rows(file: Path, query: str, since: float) -> list[tuple[Any, ...]]:
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_TIMEOUT_S)) as database:
            database.executescript(_SCHEMA)  # an older one has fewer tables
            return database.execute(query, (since,)).fetchall()
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
    oldest_s = time.time() - _DAY_S * KEPT_DAYS
    database.execute("DELETE FROM survival WHERE id IN (SELECT id FROM suggestion WHERE at_s < ?)", (oldest_s,))
    database.execute("DELETE FROM suggestion WHERE at_s < ?", (oldest_s,))
    database.execute("DELETE FROM request WHERE day < ?", (oldest_s // _DAY_S,))
    return database
