"""The files around a document, whole: what its author wrote there is likely to be written here again.

Signatures say what exists; these texts say how it is used. They are not read by the model but searched by the
engine's match model, so there may be many of them.
"""

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path, PurePosixPath

from devstral_ls.context.files import language_of, read_text

MAX_CHARACTERS = 512_000
MAX_REMEMBERED_DOCUMENTS = 16
# So long nobody looks whether the files have changed.
FRESH_S = 60.0


Listing = Callable[[], Iterable[tuple[Path, Iterable[str]]]]  # roots, and the files that may be shown below each


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Texts, nearest file first, and a key that other texts do not have."""

    key: str
    texts: tuple[str, ...]


class Neighbourhood:
    """Owns the thread that reads the files around documents; `known` only looks, `collect` blocks."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._known: OrderedDict[str, tuple[float, Neighbours]] = OrderedDict()
        self._reading = threading.Lock()

    def known(self, path: str) -> Neighbours | None:
        """What was found around a document, if somebody has looked."""
        found = self._known.get(path)
        return None if found is None else found[1]

    def wonder(self, path: str) -> None:
        """Look around a document in the background, unless that is under way or was done just now."""
        if not self._is_fresh(path) and not self._reading.locked():
            threading.Thread(target=self.collect, args=(path,), name="devstral-neighbours", daemon=True).start()

    def collect(self, path: str) -> Neighbours:
        """Read the files of the same language around `path`, as many as there is room for."""
        with self._reading:
            if not self._is_fresh(path):
                self._known[path] = time.monotonic(), _around(path, self._listing())
                self._known.move_to_end(path)
                if MAX_REMEMBERED_DOCUMENTS < len(self._known):
                    self._known.popitem(last=False)
            return self._known[path][1]

    def _is_fresh(self, path: str) -> bool:
        found = self._known.get(path)
        return found is not None and time.monotonic() - found[0] < FRESH_S


def _around(path: str, listing: Iterable[tuple[Path, Iterable[str]]]) -> Neighbours:
    texts = within_limit(read_text(root, other) or "" for root, paths in listing for other in nearest(path, paths))
    digest = blake2b(digest_size=16)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
    return Neighbours(digest.hexdigest(), texts)


def within_limit(texts: Iterable[str]) -> tuple[str, ...]:
    """The first texts that there is room for; a single one may not take more than half of it."""
    kept, room = [], MAX_CHARACTERS
    for text in texts:
        if room <= 0:
            break
        if text and len(text) <= min(room, MAX_CHARACTERS // 2):
            kept.append(text)
            room -= len(text)
    return tuple(kept)


def nearest(path: str, paths: Iterable[str]) -> Iterator[str]:
    """Other files of the same language: the fewest folders away first, then by name."""
    language, folders = language_of(path), defaultdict(list)
    for other in paths:
        if other != path and language_of(other) == language:
            folders[other.rpartition("/")[0]].append(other)
    own = path.rpartition("/")[0]
    for folder in sorted(folders, key=lambda folder: (_n_apart(own, folder), folder)):
        yield from sorted(folders[folder])


def _n_apart(a: str, b: str) -> int:
    """How many steps lead from one folder to another."""
    own, other = PurePosixPath(a).parts, PurePosixPath(b).parts
    n_shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(own, other, strict=False)))
    return len(own) + len(other) - 2 * n_shared
