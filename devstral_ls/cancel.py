"""A cancel token that any thread may set and that running work looks at between steps."""

import threading
from collections.abc import Callable

from devstral_ls.errors import Cancelled


class CancelToken:
    """Set once by the owner of a request, read by whoever works for it.

    Callbacks run in the thread that cancels, so they must be quick and must not raise.
    """

    __slots__ = ("_callbacks", "_lock", "_reason")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        return self._reason is not None

    @property
    def reason(self) -> str | None:
        """Why the work was cancelled ("cancelled", "superseded", "closed"), or None while it may go on."""
        return self._reason

    def cancel(self, reason: str = "cancelled") -> None:
        """Ask the work to stop; the first reason stays."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once when the token is set, at once if it already is; returns how to unsubscribe."""
        with self._lock:
            if self._reason is None:
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` when the token is set."""
        if self._reason is not None:
            raise Cancelled(self._reason)

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
