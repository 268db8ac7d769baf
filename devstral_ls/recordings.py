"""Recorded completions: one JSON file each, with the source text they came from, in a folder of the user's own.

Nothing is recorded unless the user wants it. A folder that cannot be written costs a line in the log.
"""

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from devstral_ls.errors import UsageError

FOLDER_NAME = "recordings"
MAX_RECORDINGS = 200  # the oldest are deleted
MAX_WAITING = 20  # recordings that are not written yet; more are dropped
CLOSING_S = 5.0
_PREFIX_LENGTH = 8  # characters of an id: enough to tell a few hundred apart

_LOGGER = logging.getLogger(__name__)

Recording = Mapping[str, Any]


class Recorder:
    """Writes in a thread of its own: nobody who types waits for a disk. Close it to have everything written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: queue.Queue[Recording | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def put(self, recording: Recording) -> None:
        """Have it written; the first one makes the folder."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="devstral-recorder", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(recording)
        except queue.Full:
            _LOGGER.warning("%d recordings wait to be written; one was dropped", MAX_WAITING)

    def close(self) -> None:
        """Write what waits."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(CLOSING_S)

    def _write(self) -> None:
        """The thread."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while (recording := self._waiting.get()) is not None:
                write(self._folder, recording)
        except OSError as error:
            _LOGGER.warning("completions are not recorded: %s cannot be written (%s)", self._folder, error.strerror)


def write(folder: Path, recording: Recording) -> str:
    """Keep one recording, for nobody else to read; its id."""
    recording_id = uuid4().hex[:_PREFIX_LENGTH]
    content = json.dumps({"id": recording_id, "at_s": time.time(), **recording}, ensure_ascii=False)
    path = folder / f"{time.time_ns()}-{recording_id}.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    for old in _files(folder)[:-MAX_RECORDINGS]:
        old.unlink(missing_ok=True)
    return recording_id


def recorded(folder: Path) -> Iterator[Recording]:
    """All recordings, oldest first."""
    return map(_read, _files(folder))


def find(folder: Path, recording_id: str) -> Recording:
    """The recording whose id begins like that."""
    found = [path for path in _files(folder) if _id_of(path).startswith(recording_id)]
    if len(found) != 1:
        words = "no recording" if not found else f"{len(found)} recordings"
        raise UsageError(f"{words} with the id {recording_id!r}; `devstral-ls replay` lists them")
    return _read(found[0])


def forget(folder: Path) -> int:
    """Delete all recordings; how many there were."""
    files = _files(folder)
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def _files(folder: Path) -> list[Path]:
    """By age: names begin with the time."""
    return sorted(folder.glob("*-*.json"))


def _id_of(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def _read(path: Path) -> Recording:
    try:
        recording = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no recording ({error}); delete it") from error
    if not isinstance(recording, dict):
        raise UsageError(f"{path} is no recording; delete it")
    return recording
