"""Work for the request that will probably come next; there is one at a time, and a newer one ends it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import DevstralError
from devstral_ls.text import Place

_LOGGER = logging.getLogger(__name__)

Work = Callable[[Place, CancelToken], Coroutine[None, None, object]]


class Ahead:
    """Owns the work that runs ahead; the session ends it with the conversation."""

    def __init__(self) -> None:
        self._place: Place | None = None
        self._cancel = CancelToken()
        self._task: asyncio.Task[None] | None = None

    def start(self, place: Place, work: Work) -> None:
        """Do `work` for `place`, unless that is under way or done."""
        if place == self._place:
            return
        self.stop()
        self._place, self._cancel = place, CancelToken()
        self._task = asyncio.ensure_future(_run(work, place, self._cancel))

    def stop(self) -> None:
        """End what runs."""
        self._cancel.cancel("outdated")
        if self._task is not None:
            self._task.cancel()
        self._place = self._task = None


async def _run(work: Work, place: Place, cancel: CancelToken) -> None:
    """Nobody waits for the work, so what fails is logged."""
    try:
        await work(place, cancel)
    except DevstralError as error:
        _LOGGER.info("nothing was computed ahead: %s", error)
