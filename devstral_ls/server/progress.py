"""Work that takes a while, shown by the editor as progress where it can."""

import uuid
from concurrent.futures import Future

from lsprotocol import types
from pygls.lsp.server import LanguageServer


class Progress:
    """One piece of work with a title, from now until `end`; silent for a client that shows none."""

    __slots__ = ("_is_shown", "_server", "_title", "_token", "_told")

    def __init__(self, server: LanguageServer, title: str, *, is_shown: bool) -> None:
        self._server = server
        self._title = title
        self._token = str(uuid.uuid4())
        self._is_shown = is_shown
        self._told = False

    def begin(self) -> None:
        """Ask for a progress bar; it appears when the client has said yes."""
        if not self._is_shown:
            return
        self._server.work_done_progress.create(self._token).add_done_callback(self._created)

    def end(self, message: str) -> None:
        """The work is done: the bar goes away with `message`."""
        if self._told:
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd(message=message))
        self._told = self._is_shown = False

    def _created(self, answer: "Future[None]") -> None:
        refused = answer.cancelled() or answer.exception() is not None
        if refused or not self._is_shown:
            return
        self._told = True
        self._server.work_done_progress.begin(self._token, types.WorkDoneProgressBegin(title=self._title))
