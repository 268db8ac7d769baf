"""Texts that requests may repeat without sending them each time: taught once, named by a key, indexed aside.

A project repeats itself: on held-out packages its other files foresee as much as a much larger network would.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.match_model import MatchIndex, joined

# Of so many documents what was taught is kept.
MAX_KEYS = 3
# Documents of a project are taught with mostly the same files.
MAX_ENCODED_TEXTS = 128


class LearnedTexts:
    """Owns the indexes and the thread that makes them; nobody waits for one who does not want to."""

    def __init__(self, encode: Callable[[str], NDArray[np.int64]]) -> None:
        self._encode = lru_cache(MAX_ENCODED_TEXTS)(encode)
        self._indexes: OrderedDict[str, Future[MatchIndex]] = OrderedDict()
        self._lock = threading.Lock()
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="devstral-learning")

    def learn(self, key: str, texts: tuple[str, ...]) -> "Future[MatchIndex]":
        """Start to index `texts`, unless that was done under this key."""
        with self._lock:
            if key not in self._indexes:
                self._indexes[key] = self._maker.submit(self._made, texts)
            self._indexes.move_to_end(key)
            while MAX_KEYS < len(self._indexes):
                self._indexes.popitem(last=False)[1].cancel()
            return self._indexes[key]

    def knows(self, key: str) -> bool:
        """Whether something was taught under this key and is kept, indexed or not yet."""
        return key in self._indexes

    def index(self, key: str) -> MatchIndex | None:
        """What was learned under a key, or None: nothing, not yet, or not possible."""
        made = self._indexes.get(key)
        is_there = made is not None and made.done() and not made.cancelled() and made.exception() is None
        return made.result() if made is not None and is_there else None

    def close(self) -> None:
        """Forget what is waiting to be indexed."""
        self._maker.shutdown(wait=False, cancel_futures=True)

    def _made(self, texts: tuple[str, ...]) -> MatchIndex:
        return MatchIndex(joined([self._encode(text) for text in texts])).prepared()
