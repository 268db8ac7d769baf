"""Metrics of the requests that were answered: the last ones for whoever asks, each one for whoever listens."""

from collections import deque
from collections.abc import Callable
from statistics import median

from devstral_ls.engine.request import Metrics

LIMIT = 256
N_TIMED = 12  # readings, of at least so many tokens, tell how quickly this model reads here
MIN_TIMED_TOKENS = 256

Listener = Callable[[Metrics], None]


class Answered:
    """Filled from whichever thread answers; read from any."""

    def __init__(self) -> None:
        self._recent: deque[Metrics] = deque(maxlen=LIMIT)
        self._listeners: tuple[Listener, ...] = ()
        self._speeds: list[float] = []

    @property
    def reading_speed(self) -> float | None:
        """Tokens a millisecond, in the median of the first long readings; None before there are enough.

        It does not change any more, so that prompts whose size hangs on it keep their beginning.
        """
        return median(self._speeds) if len(self._speeds) == N_TIMED else None

    def add(self, metrics: Metrics) -> None:
        self._recent.append(metrics)
        if len(self._speeds) < N_TIMED and MIN_TIMED_TOKENS <= metrics.n_prefilled_tokens and 0 < metrics.prefill_ms:
            self._speeds.append(metrics.n_prefilled_tokens / metrics.prefill_ms)
        for listener in self._listeners:
            listener(metrics)

    def recent(self) -> tuple[Metrics, ...]:
        """The last ones, oldest first."""
        return tuple(self._recent)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each from now on, in the thread that answers: it must be quick and must not raise."""
        self._listeners = (*self._listeners, listener)
