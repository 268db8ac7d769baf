"""The model reads before anybody types: where a document opens, where the cursor jumps, what a save has changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lsprotocol import types

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import DevstralError
from devstral_ls.text import Document, Place

if TYPE_CHECKING:  # the session owns one of these
    from devstral_ls.server.session import Snapshot

PAUSE_S = 0.15  # a cursor that runs through a file stops nowhere
NEAR_LINES = 3  # what was read for one line serves those around it
MAX_CHARACTERS = 300_000  # parsing more keeps everybody waiting for a moment, which only somebody who types is worth

_LOGGER = logging.getLogger(__name__)


class Warming:
    """Owns what is being read ahead, and knows where the model has read last; there is one reading at a time.

    `ready` gives a snapshot once there is a model.
    """

    def __init__(self, ready: "Callable[[], Awaitable[Snapshot]]") -> None:
        self._ready = ready
        self._at: tuple[str, types.Position] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._cancel = CancelToken()
        self._task: asyncio.Task[None] | None = None

    def moved(self, uri: str, position: types.Position) -> None:
        """The cursor is here, or may soon be; steps within what was read are none."""
        if self._at is None or self._at[0] != uri or NEAR_LINES < abs(self._at[1].line - position.line):
            self._start(uri, position)

    def changed(self) -> None:
        """What the model would be told of other files may have changed: read again where it read last."""
        if self._at is not None:
            self._start(*self._at)

    def asked(self, uri: str, position: types.Position) -> None:
        """The model is asked for somebody now, so it reads there anyway."""
        self.stop()
        self._at = uri, position

    def stop(self) -> None:
        """End what runs."""
        if self._pause is not None:
            self._pause.cancel()
        self._cancel.cancel("outdated")
        if self._task is not None:
            self._task.cancel()
        self._pause = self._task = None

    def _start(self, uri: str, position: types.Position) -> None:
        self.asked(uri, position)
        self._cancel = CancelToken()
        self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._due, uri, position, self._cancel)

    def _due(self, uri: str, position: types.Position, cancel: CancelToken) -> None:
        self._task = asyncio.ensure_future(self._read(uri, position, cancel))

    async def _read(self, uri: str, position: types.Position, cancel: CancelToken) -> None:
        """Nobody waits for this, so what fails is logged."""
        try:
            await read_ahead(await self._ready(), uri, position, cancel)
        except DevstralError as error:
            _LOGGER.info("nothing was read ahead: %s", error)


async def read_ahead(snapshot: "Snapshot", uri: str, position: types.Position, cancel: CancelToken) -> None:
    """Have the model read what it would be shown if somebody typed at the end of this line."""
    place = snapshot.place(uri, position)
    if not isinstance(place, Place) or not snapshot.settings.read_ahead or MAX_CHARACTERS < len(place.document.text):
        return
    if snapshot.settings.reason_off(place.document.language_id, place.document.path) is not None:
        return
    engine = await snapshot.ready_engine()
    from devstral_ls.features.inline_completion import prompt_ahead  # noqa: PLC0415 - loaded with the model

    view = snapshot.view(_line_end(place))
    snapshot.workspace.semantics.wonder(view.place)
    if snapshot.settings.context_tokens:
        snapshot.workspace.neighbourhood.wonder(view.place.document)
    sources = snapshot.sources_beside(uri)
    request = prompt_ahead(view.place, engine=engine, sources=sources, settings=snapshot.settings, key=uri)
    if request is not None:
        engine.prefill(request, cancel)


def likely(document: Document) -> types.Position:
    """Where somebody will type who has just opened this; the files around it are read wherever that is."""
    return types.Position(document.lines.n_lines - 1, 0)


def _line_end(place: Place) -> Place:
    return Place(place.document, place.offset + len(place.line_after))
