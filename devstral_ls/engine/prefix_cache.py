"""Parked key-value caches: a request takes the one that already holds the longest beginning of its prompt."""

from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.backends import Backend, KVCache
from devstral_ls.engine.request import CacheKind

# A cache is taken over when the prompt keeps at least this share of what it holds; else it stays parked.
KEPT_SHARE = 0.5
# A shared beginning shorter than this is computed anew rather than copied.
MIN_COPIED_TOKENS = 32

_CLOCK = count()


@dataclass(slots=True, eq=False)
class Slot:
    """One cache and the tokens that it holds; leased to at most one request."""

    cache: KVCache
    tokens: NDArray[np.int64]  # [capacity]
    n_tokens: int = 0
    is_leased: bool = False
    key: str = ""  # of the last request that computed in it
    is_wanted: bool = True  # False: dropped when it is released
    origin: CacheKind = CacheKind.COLD  # of what the running lease found here
    used_at: int = field(default_factory=lambda: next(_CLOCK))

    def n_shared(self, tokens: NDArray[np.int64]) -> int:
        """How many tokens both begin with."""
        n = min(self.n_tokens, len(tokens))
        differs = self.tokens[:n] != tokens[:n]
        return int(differs.argmax()) if differs.any() else n

    def rewind(self, n_tokens: int) -> None:
        """Forget everything behind the first `n_tokens`; costs nothing."""
        assert 0 <= n_tokens <= self.n_tokens
        self.n_tokens = n_tokens

    def append(self, tokens: NDArray[np.int64]) -> None:
        end = self.n_tokens + len(tokens)
        assert end <= len(self.tokens)
        self.tokens[self.n_tokens : end] = tokens
        self.n_tokens = end


class PrefixCache:
    """All caches of one model, within a memory limit; used by the worker thread only."""

    def __init__(self, backend: Backend, *, limit_bytes: int, bytes_per_token: int) -> None:
        self._backend = backend
        self._limit_bytes = limit_bytes
        self._bytes_per_token = bytes_per_token
        self._slots: list[Slot] = []

    @property
    def size_bytes(self) -> int:
        return sum(slot.cache.size_bytes for slot in self._slots)

    @property
    def n_slots(self) -> int:
        return len(self._slots)

    def lease(self, tokens: NDArray[np.int64], key: str = "") -> Slot:
        """The slot to compute these tokens in, rewound to what it shares with them; give it back with `release`."""
        nearest = max(self._slots, key=lambda slot: slot.n_shared(tokens), default=None)
        if nearest is not None and self._continues(nearest, tokens):
            slot, origin = nearest, CacheKind.WARM
        else:
            slot, origin = self._fresh(nearest, tokens), CacheKind.COPIED
        slot.rewind(slot.n_shared(tokens))
        slot.origin = origin if slot.n_tokens else CacheKind.COLD
        slot.is_leased, slot.key = True, key
        return slot

    def release(self, slot: Slot) -> None:
        slot.is_leased = False
        slot.used_at = next(_CLOCK)
        if not slot.is_wanted:
            self._slots.remove(slot)

    def forget(self, prefix: str) -> None:
        """Drop what requests with such keys computed; what one computes in still, when it is released."""
        for slot in self._slots:
            slot.is_wanted = slot.is_wanted and not slot.key.startswith(prefix)
        self._slots = [slot for slot in self._slots if slot.is_leased or slot.is_wanted]

    def clear(self) -> None:
        """Drop what nobody uses at the moment."""
        self._slots = [slot for slot in self._slots if slot.is_leased]

    def _continues(self, slot: Slot, tokens: NDArray[np.int64]) -> bool:
        return not slot.is_leased and KEPT_SHARE * slot.n_tokens <= slot.n_shared(tokens)

    def _fresh(self, nearest: Slot | None, tokens: NDArray[np.int64]) -> Slot:
        """A slot for a new text; what it shares with a parked one is copied, which is far cheaper than computed."""
        slot = self._new(len(tokens))
        shared = 0 if nearest is None or nearest is slot else nearest.n_shared(tokens)
        if nearest is not None and MIN_COPIED_TOKENS <= shared and slot.n_shared(tokens) < shared:
            self._backend.copy(nearest.cache, slot.cache, shared)
            slot.n_tokens = 0
            slot.append(tokens[:shared])
        return slot

    def _new(self, n_tokens: int) -> Slot:
        self._make_room(n_tokens * self._bytes_per_token)
        free = [slot for slot in self._slots if not slot.is_leased and not slot.n_tokens]
        if free:
            return free[0]
        capacity = self._backend.window_tokens
        slot = Slot(self._backend.new_cache(capacity), np.zeros(capacity, np.int64))
        self._slots.append(slot)
        return slot

    def _make_room(self, needed_bytes: int) -> None:
        """Drop the parked caches that were not used for longest, until the new one fits."""
        parked = sorted((slot for slot in self._slots if not slot.is_leased), key=lambda slot: slot.used_at)
        while parked and self._limit_bytes < self.size_bytes + needed_bytes:
            self._slots.remove(parked.pop(0))
