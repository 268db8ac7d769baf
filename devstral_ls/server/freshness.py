"""When the index is brought up to date again: soon after files changed, and now and then while somebody works."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PAUSE_S = 0.5  # after the first of many changes: a checkout or a formatter writes files for a while
RESCAN_S = 300.0  # for what nobody tells of
MAX_SHARE = 0.5  # of the time, for updates that follow each other


class Freshness:
    """Owns the pause before the next update; `update` starts one, and `took_s` is None until it has ended."""

    def __init__(self, update: Callable[[], None], took_s: Callable[[], float | None]) -> None:
        self._update = update
        self._took_s = took_s
        self._pause: asyncio.TimerHandle | None = None
        self._began_s = time.monotonic()
        self._heads: list[int] = []

    def changed(self) -> None:
        """Files were written: by the editor, or by others as far as it tells."""
        if self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._due)

    def worked(self, roots: Sequence[Path]) -> None:
        """Somebody asks for something: look whether git went elsewhere meanwhile, or much time has passed."""
        heads = [_modified_ns(root / ".git" / "index") for root in roots]
        has_moved = bool(self._heads) and heads != self._heads
        self._heads = heads
        if has_moved or RESCAN_S < time.monotonic() - self._began_s:
            self.changed()

    def stop(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _due(self) -> None:
        """Update, unless that is under way or has just taken long: then look again later."""
        took_s, now_s = self._took_s(), time.monotonic()
        if took_s is None or now_s < self._began_s + took_s / MAX_SHARE:
            self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._due)
            return
        self._pause = None
        self._began_s = now_s
        self._update()


def _modified_ns(file: Path) -> int:
    """When a file was modified; 0 for one that is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
