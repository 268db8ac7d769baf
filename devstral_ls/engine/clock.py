"""When a request arrived, started, was read and began to answer."""

import time


class Clock:
    """Started when a request is made; all answers are milliseconds since something above."""

    __slots__ = ("_arrived_s", "_end_s", "_first_token_s", "_prefilled_s", "_started_s")

    def __init__(self) -> None:
        self._arrived_s = time.perf_counter()
        self._started_s = self._prefilled_s = self._first_token_s = self._end_s = 0.0

    def start(self) -> None:
        self._started_s = time.perf_counter()

    def prefilled(self) -> None:
        self._prefilled_s = time.perf_counter()

    def first_token(self) -> None:
        self._first_token_s = self._first_token_s or time.perf_counter()

    def end(self) -> None:
        self._end_s = self._end_s or time.perf_counter()

    def elapsed_ms(self) -> float:
        """Since arrival, for deadlines."""
        return (time.perf_counter() - self._arrived_s) * 1e3

    @property
    def queue_ms(self) -> float:
        return self._since(self._arrived_s, self._started_s)

    @property
    def prefill_ms(self) -> float:
        return self._since(self._started_s, self._prefilled_s)

    @property
    def first_token_ms(self) -> float:
        return self._since(self._arrived_s, self._first_token_s)

    @property
    def total_ms(self) -> float:
        return self._since(self._arrived_s, self._end_s)

    def _since(self, before_s: float, after_s: float) -> float:
        """An event that never came lasts until the end."""
        return max(0.0, (after_s or self._end_s) - before_s) * 1e3 if before_s else 0.0
