"""Diagnostics that nobody asks for: for editors that do not pull, and from programs that take their time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from lsprotocol import types

from devstral_ls.errors import DevstralError

PAUSE_S = 0.4  # after the last change of a text; nobody reads underlines while typing
_LOGGER = logging.getLogger(__name__)

# What is to be published of a document now; None where there is nothing to say, which is not "no problems".
Check = Callable[[str], Coroutine[Any, Any, types.PublishDiagnosticsParams | None]]
Publish = Callable[[types.PublishDiagnosticsParams], None]


class Publisher:
    """Owns the pauses and the checks under way, one for each document; a newer text ends both."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._pauses: dict[str, asyncio.TimerHandle] = {}
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._shown: set[str] = set()

    def soon(self, uri: str, check: Check) -> None:
        """Check a document once nobody has changed it for a while."""
        self._end(uri)
        self._pauses[uri] = asyncio.get_running_loop().call_later(PAUSE_S, self._begin, uri, check)

    def forget(self, uri: str) -> None:
        """Take back what was published of a document that was closed."""
        self._end(uri)
        if uri in self._shown:
            self._shown.discard(uri)
            self._publish(types.PublishDiagnosticsParams(uri=uri, diagnostics=[]))

    def stop(self) -> None:
        for uri in {*self._pauses, *self._checks}:
            self._end(uri)

    def _end(self, uri: str) -> None:
        for waiting in (self._pauses.pop(uri, None), self._checks.pop(uri, None)):
            if waiting is not None:
                waiting.cancel()

    def _begin(self, uri: str, check: Check) -> None:
        self._pauses.pop(uri, None)
        self._checks[uri] = asyncio.ensure_future(self._run(uri, check))

    async def _run(self, uri: str, check: Check) -> None:
        """Nobody waits for this, so what fails is logged."""
        try:
            found = await check(uri)
        except DevstralError as error:
            _LOGGER.warning("no diagnostics: %s", error)
            return
        if found is not None:
            self._shown.add(uri)
            self._publish(found)
