"""Metrics of the requests that were answered: the last ones for whoever asks, each one for whoever listens."""

from collections import deque
from collections.abc import Callable

from devstral_ls.engine.request import Metrics

LIMIT = 256

Listener = Callable[[Metrics], None]


class Answered:
    """Filled from whichever thread answers; read from any."""

    def __init__(self) -> None:
        self._recent: deque[Metrics] = deque(maxlen=LIMIT)
        self._listeners: tuple[Listener, ...] = ()

    def add(self, metrics: Metrics) -> None:
        self._recent.append(metrics)
        for listener in self._listeners:
            listener(metrics)

    def recent(self) -> tuple[Metrics, ...]:
        """The last ones, oldest first."""
        return tuple(self._recent)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each from now on, in the thread that answers: it must be quick and must not raise."""
        self._listeners = (*self._listeners, listener)
