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
from pathlib import PurePosixPath

from devstral_ls.context.files import language_of, read_text
from devstral_ls.context.roots import Root, Roots
from devstral_ls.text import Document

MAX_CHARACTERS = 512_000
MAX_REMEMBERED_DOCUMENTS = 16
# So long nobody looks whether the files have changed.
FRESH_S = 60.0


Listing = Callable[[], Iterable[tuple[Root, Iterable[str]]]]  # roots, and the names of the files that may be shown


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Texts, nearest file first, and a key that other texts do not have."""

    key: str
    texts: tuple[str, ...]


class Neighbourhood:
    """Owns the thread that reads the files around documents; `known` only looks, `collect` blocks."""

    def __init__(self, roots: Roots, listing: Listing) -> None:
        self._roots = roots
        self._listing = listing
        self._known: OrderedDict[str, tuple[float, Neighbours]] = OrderedDict()
        self._reading = threading.Lock()

    def known(self, document: Document) -> Neighbours | None:
        """What was found around a document, if somebody has looked."""
        found = self._known.get(self._roots.named(document).path)
        return None if found is None else found[1]

    def wonder(self, document: Document) -> None:
        """Look around a document in the background, unless that is under way or was done just now."""
        if not self._is_fresh(self._roots.named(document).path) and not self._reading.locked():
            threading.Thread(target=self.collect, args=(document,), name="devstral-neighbours", daemon=True).start()

    def collect(self, document: Document) -> Neighbours:
        """Read the files of the same language around a document, as many as there is room for."""
        name = self._roots.named(document).path
        with self._reading:
            if not self._is_fresh(name):
                self._known[name] = time.monotonic(), _around(name, self._listing())
                self._known.move_to_end(name)
                if MAX_REMEMBERED_DOCUMENTS < len(self._known):
                    self._known.popitem(last=False)
            return self._known[name][1]

    def _is_fresh(self, name: str) -> bool:
        found = self._known.get(name)
        return found is not None and time.monotonic() - found[0] < FRESH_S


def _around(name: str, listing: Iterable[tuple[Root, Iterable[str]]]) -> Neighbours:
    roots = {other: root for root, names in listing for other in names}
    texts = within_limit(_text(roots[other], other) for other in nearest(name, roots))
    digest = blake2b(digest_size=16)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
    return Neighbours(digest.hexdigest(), texts)


def _text(root: Root, name: str) -> str:
    path = root.path_in(name)
    return (path is not None and read_text(root.folder, path)) or ""


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
