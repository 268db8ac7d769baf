"""The index of one root as the server sees it: arrays that another process keeps up to date."""

import json
import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from devstral_ls.context.columns import Columns, open_published
from devstral_ls.context.housekeeping import cache_folder

N_KEPT_GENERATIONS = 2
_LOGGER = logging.getLogger(__name__)


class Watcher(Protocol):
    """Who is told how far the reading of a root is, from a thread of the index."""

    def read(self, n_read: int, n_files: int) -> None:
        """So many of the files that changed are read; never called where none did."""
        ...

    def ended(self) -> None:
        """The index process has ended."""
        ...


class Index:
    """Owns the index process of a root and the arrays that it published last.

    The last session's arrays are there at once; `refresh` brings them up to date in the background.
    """

    def __init__(self, root: Path, folder: Path | None = None, prefix: str = "") -> None:
        self._root = root.resolve()
        self._folder = folder or folder_of(self._root)
        self._prefix = prefix  # of what its files are called here
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._began_s = self._ended_s = 0.0
        self.columns: Columns | None = None
        self.generation = 0  # one more with each index that was published
        self._open(self._folder)

    def refresh(self, near: Sequence[str] = (), watcher: Watcher | None = None) -> None:
        """Start to bring the index up to date, unless that is under way."""
        if self.took_s is None:
            return
        self._began_s = time.monotonic()
        command = [sys.executable, "-P", "-m", "devstral_ls.context.indexer", str(self._root), str(self._folder), *near]
        # Spawned with its own pipes: the server's stdin and stdout belong to the protocol.
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        )
        self._reader = threading.Thread(target=self._listen, args=(self._process, watcher), daemon=True)
        self._reader.start()

    @property
    def took_s(self) -> float | None:
        """How long the last refresh took; None while one is under way."""
        is_under_way = self._reader is not None and self._reader.is_alive()
        return None if is_under_way else self._ended_s - self._began_s

    def wait(self, timeout_s: float) -> bool:
        """Wait for a refresh that is under way; whether it ended in time."""
        if self._reader is None:
            return True
        self._reader.join(timeout_s)
        return not self._reader.is_alive()

    def close(self) -> None:
        """Stop the index process; what it read so far is kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _take(self, name: str, folder: Path) -> None:
        """Map what was published; what could not be kept on the disk is in memory alone from here on."""
        self._open(folder)
        if folder == self._folder:
            self._forget_old(name)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    def _open(self, folder: Path) -> None:
        columns = open_published(folder)
        self.columns = columns.under(self._prefix) if columns is not None and self._prefix else columns
        self.generation += 1

    def _listen(self, process: subprocess.Popen[str], watcher: Watcher | None) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if "problem" in message:
                _LOGGER.warning("%s", message["problem"])
            elif "published" in message:
                self._take(message["published"], Path(message["folder"]))
            elif watcher is not None:
                watcher.read(message["done"], message["total"])
        code = process.wait()
        self._ended_s = time.monotonic()
        if 0 < code:
            _LOGGER.warning("the index of %s was not finished, its process ended with code %d", self._root, code)
        if watcher is not None:
            watcher.ended()

    def _forget_old(self, current: str) -> None:
        """Remove the arrays of earlier generations; files that are still mapped stay alive until they are let go."""
        generations = sorted(self._folder.glob("columns-*"), key=lambda each: each.stat().st_mtime_ns)
        for folder in generations[:-N_KEPT_GENERATIONS]:
            if folder.name != current:
                for file in folder.iterdir():
                    file.unlink(missing_ok=True)
                folder.rmdir()


def folder_of(root: Path) -> Path:
    """Where the index of a root is kept, in the user's cache folder."""
    name = blake2b(str(root).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return cache_folder() / "index" / f"{root.name or 'root'}-{name}"
