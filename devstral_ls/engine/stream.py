"""One token sequence on its way through the backend: prefill in chunks, then a step for each chosen token."""

import time
from collections import deque
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends import Backend
from devstral_ls.engine.prefix_cache import Slot
from devstral_ls.engine.speculation import Drafter

Row = NDArray[np.float32]  # [vocab]

# A chunk lasts about as long as another request may have to wait.
CHUNK_MS = 40.0
CHUNK_TOKENS = (32, 64, 128, 256, 512)


class Pace:
    """How long chunks take on this machine, and so how long they may be; one for each loaded model."""

    __slots__ = ("_tokens_per_ms",)

    def __init__(self) -> None:
        self._tokens_per_ms = 0.0

    def chunk_tokens(self) -> int:
        """The longest chunk that keeps to the time."""
        fitting = [n for n in CHUNK_TOKENS if n <= self._tokens_per_ms * CHUNK_MS]
        return fitting[-1] if fitting else CHUNK_TOKENS[0]

    def learn(self, n_tokens: int, seconds: float) -> None:
        if CHUNK_TOKENS[0] <= n_tokens:
            measured = n_tokens / max(seconds * 1e3, 1e-6)
            self._tokens_per_ms += (measured - self._tokens_per_ms) * (0.25 if self._tokens_per_ms else 1.0)


class Stream:
    """Owns a leased slot while a request runs.

    Where a drafter foretells tokens they run together with the chosen one; their logits are handed out as long
    as the tokens chosen are the drafted ones, so what is chosen never depends on drafts.
    """

    __slots__ = (
        *("_ahead", "_backend", "_cancel", "_drafter", "_n_tokens", "_one", "_pace", "_slot"),
        *("n_accepted", "n_drafted"),
    )

    def __init__(
        self, backend: Backend, slot: Slot, cancel: CancelToken, *, pace: Pace, drafter: Drafter | None = None
    ) -> None:
        self._backend = backend
        self._slot = slot
        self._cancel = cancel
        self._pace = pace
        self._drafter = drafter
        self._n_tokens = slot.n_tokens  # chosen ones; the slot may hold drafted ones behind them
        self._ahead: deque[tuple[int, Row]] = deque()  # drafted tokens and the logits behind each
        self._one = np.zeros(1, np.int64)
        self.n_drafted = self.n_accepted = 0

    def prefill(self, tokens: NDArray[np.int64]) -> Generator[None, None, Row]:
        """Bring the slot from the tokens that it shares to all of these; logits behind the last.

        Yields between chunks. The last token always runs, because its logits are not kept.
        """
        assert 0 < len(tokens)
        self.rewind(min(self._n_tokens, len(tokens) - 1))
        while True:
            start_s = time.perf_counter()
            chunk = tokens[self._n_tokens : self._n_tokens + self._pace.chunk_tokens()]
            row: Row = self._run(chunk)[-1]
            self._n_tokens += len(chunk)
            self._pace.learn(len(chunk), time.perf_counter() - start_s)
            if self._n_tokens == len(tokens):
                return row
            yield

    def rewind(self, n_tokens: int) -> None:
        """Forget all but the first tokens."""
        assert n_tokens <= self._n_tokens
        self._ahead.clear()
        self._slot.rewind(n_tokens)
        self._n_tokens = n_tokens

    def advance(self, token: int) -> Row:
        """Logits behind one more token; they hold until the next call to the backend."""
        if self._ahead:
            drafted, row = self._ahead.popleft()
            if token == drafted:
                self._n_tokens += 1
                self.n_accepted += 1
                return row
            self.rewind(self._n_tokens)
        if self._drafter is None or self._drafter.rests():
            return self._plain_step(token)
        return self._drafted_step(token, self._drafter)

    @property
    def context(self) -> NDArray[np.int64]:
        """All tokens that were chosen; a view that holds until the next step."""
        return self._slot.tokens[: self._n_tokens]

    def _plain_step(self, token: int) -> Row:
        self._one[0] = token
        row: Row = self._run(self._one)[0]
        self._n_tokens += 1
        return row

    def _drafted_step(self, token: int, drafter: Drafter) -> Row:
        tokens = self._drafted(token, drafter)
        start_s = time.perf_counter()
        rows = self._run(tokens, n_logits=len(tokens))
        drafter.learn_cost(len(tokens), time.perf_counter() - start_s)
        self._n_tokens += 1
        if 1 < len(tokens):
            self.n_drafted += len(tokens) - 1
            rows = rows.copy()  # the next step, which may be another request's, overwrites them
            self._ahead.extend(zip(tokens[1:].tolist(), rows[1:], strict=True))
        row: Row = rows[0]
        return row

    def _drafted(self, token: int, drafter: Drafter) -> NDArray[np.int64]:
        """The token, and what may come behind it as far as the cache has room."""
        context = self._slot.tokens[: self._n_tokens + 1]
        context[-1] = token
        room = len(self._slot.tokens) - len(context)
        draft = drafter.draft(context)[:room]
        return np.concatenate([context[-1:], draft]) if len(draft) else context[-1:]

    def _run(self, tokens: NDArray[np.int64], *, n_logits: int = 1) -> NDArray[np.float32]:
        slot = self._slot
        rows = self._backend.logits(slot.cache, tokens, n_past=slot.n_tokens, n_logits=n_logits, cancel=self._cancel)
        slot.append(tokens)
        return rows
