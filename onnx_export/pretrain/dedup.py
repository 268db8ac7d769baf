"""Exact and near duplicates: a file most of whose four-line shingles were seen before adds nothing."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

SHINGLE_LINES = 4
MAX_SEEN_SHARE = 0.6
MAX_HELD_OUT_SHARE = 0.3


def shingles(text: str) -> set[int]:
    """Hashes of every run of four code lines, spacing and blank lines ignored."""
    lines = ["".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line]
    count = max(1, len(lines) - SHINGLE_LINES + 1)
    return {_hash("\n".join(lines[at : at + SHINGLE_LINES])) for at in range(count)}


class Seen:
    """The shingles met so far."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def share(self, hashes: set[int]) -> float:
        return len(hashes & self._hashes) / len(hashes) if hashes else 1.0

    def add(self, hashes: set[int]) -> None:
        self._hashes |= hashes


def unseen(records: Iterable[dict[str, Any]], held_out: Seen) -> Iterator[dict[str, Any]]:
    """The records whose texts repeat neither earlier ones nor the held-out packages."""
    seen = Seen()
    for record in records:
        hashes = shingles(record["text"])
        if held_out.share(hashes) > MAX_HELD_OUT_SHARE or seen.share(hashes) > MAX_SEEN_SHARE:
            continue
        seen.add(hashes)
        yield record


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
