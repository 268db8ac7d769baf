"""Work that takes a while, shown by the editor as progress where it can."""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from lsprotocol import types
from pygls.lsp.server import LanguageServer


class Progress:
    """One piece of work with a title, from now until `end`; silent for a client that shows none."""

    __slots__ = ("_is_shown", "_is_told", "_last_words", "_server", "_title", "_token")

    def __init__(self, server: LanguageServer, title: str, *, is_shown: bool) -> None:
        self._server = server
        self._title = title
        self._token = str(uuid.uuid4())
        self._is_shown = is_shown
        self._is_told = False
        self._last_words: str | None = None

    def begin(self) -> None:
        """Ask for a progress bar; it appears when the client has said yes."""
        if self._is_shown:
            self._server.work_done_progress.create(self._token).add_done_callback(self._created)

    def report(self, percentage: int) -> None:
        """So much of the work is done."""
        if self._is_told:
            self._server.work_done_progress.report(self._token, types.WorkDoneProgressReport(percentage=percentage))

    def end(self, message: str) -> None:
        """The work is done: the bar goes away with `message`."""
        self._last_words = message
        if self._is_told:
            self._is_told = False
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd(message=message))

    def _created(self, answer: "Future[None]") -> None:
        if answer.cancelled() or answer.exception() is not None:
            return
        self._is_told = True
        self._server.work_done_progress.begin(self._token, types.WorkDoneProgressBegin(title=self._title))
        if self._last_words is not None:  # what is asked for has to be used, also when the work was quicker
            self.end(self._last_words)


class IndexProgress:
    """The reading of one root, told by a thread and shown by the loop; where nothing is read, nothing is shown.

    The loop calls `done` in the end, whether there was something to read or not.
    """

    def __init__(self, open_progress: Callable[[], Progress], done: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._open_progress = open_progress
        self._done = done
        self._progress: Progress | None = None

    def read(self, n_read: int, n_files: int) -> None:
        """From a thread: so many files are read."""
        self._in_loop(self._show, 100 * n_read // n_files)

    def ended(self) -> None:
        """From a thread: there is no more to read."""
        self._in_loop(self._end)

    def _in_loop(self, call: Callable[..., None], *arguments: int) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has ended meanwhile
            self._loop.call_soon_threadsafe(call, *arguments)

    def _show(self, percentage: int) -> None:
        if self._progress is None:
            self._progress = self._open_progress()
            self._progress.begin()
        self._progress.report(percentage)

    def _end(self) -> None:
        if self._progress is not None:
            self._progress.end("ready")
        self._done()
