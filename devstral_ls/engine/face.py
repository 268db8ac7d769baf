"""What everybody else sees of an engine, wherever it runs: in this process, or in one that editors share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.answered import Answered
from devstral_ls.engine.request import Generation, GenerationRequest, Priority


class Engine(Protocol):
    """Takes requests from any thread, answers each exactly once."""

    answered: Answered  # what became of this process's requests

    async def generate(self, request: GenerationRequest, cancel: CancelToken) -> Generation:
        """Completions for a request, best first; cancelling the awaiting task cancels the work."""
        future = self.submit(request, cancel)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            cancel.cancel()
            raise

    def generate_blocking(self, request: GenerationRequest, cancel: CancelToken) -> Generation:
        """The same for callers without an event loop."""
        return self.submit(request, cancel).result()

    def prefill(self, request: GenerationRequest, cancel: CancelToken | None = None) -> "Future[Generation]":
        """Read a prompt ahead of time, when nothing else is to do; nobody needs to wait for it."""
        return self.submit(replace(request, priority=Priority.PREFILL, max_tokens=0), cancel or CancelToken())

    def submit(self, request: GenerationRequest, cancel: CancelToken) -> "Future[Generation]":
        """The same for callers that wait later."""
        ...

    def learn(self, key: str, texts: tuple[str, ...]) -> "Future[None]":
        """Take in texts that requests may repeat when they name the `key`; nobody needs to wait for it.

        The same key always means the same texts, so to teach them again costs nothing.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """How much of a budget this text takes."""
        ...

    def facts(self) -> dict[str, object]:
        """What `doctor` and the status show."""
        ...

    def on_rest(self, rested: Callable[[], None]) -> None:
        """Hear when the user works in another editor that shares this engine, so that memory can be given back."""
        ...

    def close(self) -> None:
        """Cancel and answer what is under way, then give back what it holds."""
        ...
