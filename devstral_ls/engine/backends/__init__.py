"""The seam below the engine: a backend computes logits for tokens, keeps its cache and obeys the token."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken


class KVCache(Protocol):
    """Keys and values of one token sequence, up to `capacity_tokens`; opaque to everyone but its backend."""

    @property
    def capacity_tokens(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...


class Backend(Protocol):
    """Only the engine worker thread calls these."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def window_tokens(self) -> int: ...

    def new_cache(self, capacity_tokens: int) -> KVCache:
        """An empty cache; memory is taken as it fills."""
        ...

    def logits(
        self,
        cache: KVCache,
        tokens: NDArray[np.int64],
        *,
        n_past: int,
        n_logits: int,
        cancel: CancelToken,
    ) -> NDArray[np.float32]:
        """Append `tokens` [n] behind the first `n_past` cached ones; logits [n_logits, vocab] of the last rows.

        Log-probabilities are logits too, and are given where the model has them (`Manifest.log_probabilities`).
        The result is the backend's own buffer and holds until the next call.
        Whatever the cache held from `n_past` on is forgotten: that is how callers rewind.
        Raises `Cancelled` when `cancel` is set meanwhile (the cache then holds `n_past` valid tokens),
        `BackendError` when the runtime fails.
        """
        ...

    def copy(self, source: KVCache, target: KVCache, n_tokens: int) -> None:
        """Make the first `n_tokens` of `target` those of `source`."""
        ...

    def close(self) -> None: ...
