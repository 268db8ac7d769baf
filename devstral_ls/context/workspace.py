"""The texts of a workspace that may be shown to the model; the session owns one of these."""

import logging
import sys
import sysconfig
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Self

from devstral_ls.context.columns import Columns, build_columns
from devstral_ls.context.facts import Semantics
from devstral_ls.context.files import SUFFIXES, is_settled, language_of, read_text
from devstral_ls.context.ignore import IGNORE_FILES
from devstral_ls.context.imports import FindSource
from devstral_ls.context.index import Index, Watcher
from devstral_ls.context.layout import Layout
from devstral_ls.context.neighbours import Neighbourhood
from devstral_ls.context.open_texts import read_document
from devstral_ls.context.outline import Outline
from devstral_ls.context.pieces import Purpose
from devstral_ls.context.records import Record, SourceText, read_record
from devstral_ls.context.roots import Root, Roots, located
from devstral_ls.context.secrets import mask_secrets
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.context.walk import is_too_wide, walk
from devstral_ls.text import Document

MAX_REMEMBERED_FILES = 4_096
MAX_LAYOUTS = 64
# As globs: what an index should be told of.
WATCHED_FILES = (f"**/*{{{','.join(SUFFIXES)}}}", f"**/{{{','.join(IGNORE_FILES)}}}")
MAX_LISTED_FILES = 5_000  # of a root without an index

_LOGGER = logging.getLogger(__name__)
_Stamp = tuple[int, int]  # modified_ns and n_bytes: an equal stamp means an equal text


class Workspace:
    """Reads files under the given roots, and modules of the given libraries, on demand.

    Nothing is walked before `open_index`. Links that lead out of a root, secrets, and files that are
    too large, binary or generated are as if they were not there.
    """

    def __init__(self, roots: Sequence[Path] = (), libraries: Sequence[Path] | None = None) -> None:
        self.counts = TokenCounts()
        self.roots = Roots.of(roots)
        found = _standard_library() + _environments(self.roots) if libraries is None else tuple(libraries)
        self._libraries = tuple(Root(library.resolve()) for library in found)
        self._known: dict[Path, tuple[_Stamp, SourceText | None]] = {}
        self.semantics = Semantics(self.roots, self._libraries)
        self._indexes: dict[Root, Index] = {}
        self._wide_ones: set[Path] = set()  # too wide by our rule, but wanted
        self._left_alone: set[Path] = set()
        self.neighbourhood = Neighbourhood(self.roots, self._listing)
        self.layouts: OrderedDict[tuple[str, Purpose], Layout] = OrderedDict()
        self._overlay_paths: list[str] = []
        self._overlay_records: list[Record] = []
        self._overlay = build_columns({})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that work for this workspace."""
        self.semantics.close()
        for index in self._indexes.values():
            index.close()

    def open_index(self, near: Sequence[str] = (), watch: "Callable[[Path], Watcher] | None" = None) -> None:
        """Bring the index of every root up to date in the background; call it again when many files changed.

        The files around the `near` paths come first. A root that is too wide is left alone.
        """
        for root in self.roots.each:
            if root.folder in self.too_wide:
                self._leave_alone(root.folder)
                continue
            if not root.folder.is_dir():
                _LOGGER.info("%s is no folder of this machine, so there is nothing to index", root.folder)
                continue
            index = self._indexes.setdefault(root, Index(root.folder, prefix=root.prefix))
            paths = [path for each in near if (path := root.path_in(each)) is not None]
            index.refresh(paths, watch(root.folder) if watch else None)

    def _leave_alone(self, folder: Path) -> None:
        """Say once that a root is not walked."""
        if folder not in self._left_alone:
            self._left_alone.add(folder)
            _LOGGER.warning("%s is not indexed, open a project folder inside it", folder)

    @property
    def too_wide(self) -> tuple[Path, ...]:
        """The roots that are a whole disk or home folder, and are not walked until that is allowed."""
        return tuple(
            root.folder for root in self.roots.each if is_too_wide(root.folder) and root.folder not in self._wide_ones
        )

    def allow(self, folder: Path) -> None:
        """Walk a root although it is so wide, from the next `open_index` on."""
        self._wide_ones.add(folder)

    def wait_for_index(self, timeout_s: float) -> bool:
        """Wait until the index is up to date; whether it is."""
        return all(index.wait(timeout_s) for index in self._indexes.values())

    @property
    def index_took_s(self) -> float | None:
        """How long it took to bring the indexes up to date the last time; None while that is under way."""
        times_s = [index.took_s for index in self._indexes.values()]
        known_s = [each for each in times_s if each is not None]
        return max(known_s, default=0.0) if len(known_s) == len(times_s) else None

    @property
    def generation(self) -> int:
        """Grows with each index that is published."""
        return sum(index.generation for index in self._indexes.values())

    @property
    def columns(self) -> tuple[Columns, ...]:
        """What the indexes know now."""
        return tuple(index.columns for index in self._indexes.values() if index.columns is not None)

    def is_as_indexed(self, path: str, columns: Columns) -> bool:
        """Whether the file on disk is still the one that the index knows."""
        row = columns.file_rows.get(path)
        if row is None:
            return False
        stamps = (_stamp_of(folder / inside) for folder, inside in located(path, self.roots.each))
        stamp = next((stamp for stamp in stamps if stamp is not None), None)
        return stamp is not None and columns.file_stamp[row].tolist() == [*stamp]

    def is_own(self, path: str) -> bool:
        """Whether there is such a file in the workspace itself; else it is in a library, or only in an editor."""
        return any((folder / inside).exists() for folder, inside in located(path, self.roots.each))

    def columns_of(self, records: Mapping[str, Record]) -> Columns:
        """The arrays of a few files, kept for as long as the files stay the same."""
        same = [record for _, record in sorted(records.items())]
        paths = sorted(records)
        if paths != self._overlay_paths or any(a is not b for a, b in zip(same, self._overlay_records, strict=True)):
            self._overlay_paths, self._overlay_records = paths, same
            self._overlay = build_columns(records)
        return self._overlay

    def remember_layout(self, key: tuple[str, Purpose], layout: Layout) -> None:
        """Keep what is shown for a document until the next request for the same purpose."""
        self.layouts[key] = layout
        self.layouts.move_to_end(key)
        if MAX_LAYOUTS < len(self.layouts):
            self.layouts.popitem(last=False)

    def source(self, path: str) -> SourceText | None:
        """The file of the workspace or of a library at `path`, or None where there is none to show."""
        for folder, inside in located(path, (*self.roots.each, *self._libraries)):
            found = self._source_in(folder, inside, path)
            if found is not None:
                return found
        return None

    def text(self, path: str, outline: Outline) -> str | None:
        """The text at `path`, if it is the one that has this outline; read anew each time."""
        for folder, inside in located(path, (*self.roots.each, *self._libraries)):
            found = self._source_in(folder, inside, path)
            if found is not None:
                stamp = _stamp_of(folder / inside)
                text = read_text(folder, inside) if found.outline == outline else None
                return text if stamp == _stamp_of(folder / inside) == self._known[folder / inside][0] else None
        return None

    def indexed_paths(self) -> tuple[tuple[Root, Mapping[str, int] | None], ...]:
        """The roots that are indexed, each with the files that its index knows; None while that is not finished."""
        indexes = ((root, index.columns, index.took_s) for root, index in self._indexes.items())
        return tuple(
            (root, None if columns is None or took_s is None else columns.file_rows)
            for root, columns, took_s in indexes
        )

    def _listing(self) -> Iterator[tuple[Root, Iterable[str]]]:
        """The roots, each with the names of its files: those that its index knows, or else those that are found."""
        for root in self.roots.each:
            index = self._indexes.get(root)
            if index is not None and index.columns is not None:
                yield root, index.columns.paths
            elif root.folder not in self.too_wide:
                yield root, (root.prefix + found.path for found in islice(walk(root.folder), MAX_LISTED_FILES))

    def _source_in(self, folder: Path, inside: str, path: str) -> SourceText | None:
        file = folder / inside
        stamp = _stamp_of(file)
        if stamp is None:
            return None
        known = self._known.get(file)
        if known is None or known[0] != stamp or not is_settled(stamp[0]):
            if MAX_REMEMBERED_FILES <= len(self._known):
                self._known.clear()
            known = self._known[file] = (stamp, self._read(folder, inside, path, stamp))
        return known[1]

    def _read(self, folder: Path, inside: str, path: str, stamp: _Stamp) -> SourceText | None:
        """What a file defines, from the index where that knows this very text."""
        for columns in self.columns:
            row = columns.file_rows.get(path)
            if row is not None and tuple(columns.file_stamp[row].tolist()) == stamp:
                return SourceText(path, Record(columns.outline(row), {}))
        text = read_text(folder, inside)
        return None if text is None else SourceText(path, read_record(text, language_of(path)))


def _stamp_of(file: Path) -> _Stamp | None:
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where other texts come from: the documents that are open, then the files of the workspace."""

    documents: tuple[Document, ...] = ()
    workspace: Workspace = field(default_factory=lambda: Workspace(libraries=()))

    def source(self, path: str) -> SourceText | None:
        """The text at `path`: an open document shadows the file on disk."""
        for document in self.documents:
            named = self.workspace.roots.named(document)
            if named.path == path:
                return read_document(named)
        return self.workspace.source(path)

    def text(self, path: str, outline: Outline) -> str | None:
        """The text at `path`, if it is the one that has this outline."""
        for document in self.documents:
            named = self.workspace.roots.named(document)
            if named.path == path:
                return mask_secrets(named.text) if read_document(named).outline == outline else None
        return self.workspace.text(path, outline)

    def finder(self, path: str) -> FindSource:
        """How an import in the file at `path` finds others: in its own root first, where there are several."""
        home = self.workspace.roots.home_of(path)

        def find(other: str) -> SourceText | None:
            at_home = other if other.startswith(home) else home + other
            return self.source(at_home) or (self.source(other) if at_home != other else None)

        return find


def _standard_library() -> tuple[Path, ...]:
    """The folder of the standard library of this interpreter; no project interpreter is ever asked."""
    return (Path(sysconfig.get_path("stdlib")),)


def _environments(roots: Roots) -> tuple[Path, ...]:
    """The installed packages of virtual environments inside the roots, found by their usual names."""
    pattern = "Lib/site-packages" if sys.platform == "win32" else "lib/python3*/site-packages"
    return tuple(
        found for root in roots.each for name in (".venv", "venv") for found in (root.folder / name).glob(pattern)
    )
