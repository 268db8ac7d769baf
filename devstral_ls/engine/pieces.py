"""What tokens spell, searched by how it begins: the ground of healing and of constrained decoding."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

HIGHEST = b"\xff" * 8  # sorts behind every piece with the same beginning: UTF-8 has no such byte


class PieceTable:
    """The vocabulary sorted by the bytes of its tokens."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        spelled = sorted((piece, token) for token, piece in enumerate(pieces) if piece)
        self._sorted = [piece for piece, _ in spelled]
        self._tokens = np.array([token for _, token in spelled], np.int64)
        self._longest = max(map(len, self._sorted), default=0)

    def is_open(self, text: bytes) -> bool:
        """Whether some token spells this text and more: a cursor behind it may stand inside a word."""
        if self._longest <= len(text):
            return False
        start, end = self._range(text)
        return any(len(text) < len(piece) for piece in self._sorted[start:end])

    def leading_to(self, texts: Iterable[bytes]) -> NDArray[np.int64]:
        """Tokens that begin one of these texts, spell it, or spell it and more; ascending, each once."""
        parts = [part for text in texts for part in self._leading_to(text)]
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)

    def _leading_to(self, text: bytes) -> Iterable[NDArray[np.int64]]:
        start, end = self._range(text)
        yield self._tokens[start:end]
        for length in range(1, min(len(text), self._longest + 1)):
            yield self._spelling(text[:length])

    def _spelling(self, piece: bytes) -> NDArray[np.int64]:
        start = bisect_left(self._sorted, piece)
        end = bisect_left(self._sorted, piece + b"\0", start)
        return self._tokens[start:end]

    def _range(self, beginning: bytes) -> tuple[int, int]:
        start = bisect_left(self._sorted, beginning)
        return start, bisect_left(self._sorted, beginning + HIGHEST, start)
