"""The texts of a workspace that may be shown to the model; the session owns one of these."""

import sys
import sysconfig
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Self

from devstral_ls.context.columns import Columns, build_columns
from devstral_ls.context.facts import Semantics
from devstral_ls.context.files import language_of, read_text
from devstral_ls.context.index import Index, Progress
from devstral_ls.context.layout import Layout
from devstral_ls.context.neighbours import Neighbourhood
from devstral_ls.context.open_texts import read_document
from devstral_ls.context.records import Record, SourceText, read_record
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.context.walk import is_too_wide, walk
from devstral_ls.text import Document

MAX_REMEMBERED_FILES = 4_096
MAX_LAYOUTS = 64
MAX_LISTED_FILES = 5_000  # of a root without an index


_Stamp = tuple[int, int]  # modified_ns and n_bytes: an equal stamp means an equal text


class Workspace:
    """Reads files under the given roots, and modules of the given libraries, on demand.

    Nothing is walked before `open_index`. Links that lead out of a root, secrets, and files that are
    too large, binary or generated are as if they were not there.
    """

    def __init__(self, roots: Sequence[Path] = (), libraries: Sequence[Path] | None = None) -> None:
        self.counts = TokenCounts()
        self._roots = tuple(root.resolve() for root in roots)
        found = _standard_library() + _environments(self._roots) if libraries is None else tuple(libraries)
        self._libraries = tuple(library.resolve() for library in found)
        self._known: dict[Path, tuple[_Stamp, SourceText | None]] = {}
        self.semantics = Semantics(self._roots, self._libraries)
        self.neighbourhood = Neighbourhood(self._listing)
        self._indexes: tuple[Index, ...] = ()
        self.layouts: OrderedDict[str, Layout] = OrderedDict()
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
        for index in self._indexes:
            index.close()

    def open_index(self, near: Sequence[str] = (), progress: Progress | None = None) -> None:
        """Bring the index of every root up to date in the background; call it again when many files changed.

        The files around the `near` paths come first. Only a trusted workspace should be walked.
        """
        if not self._indexes:
            self._indexes = tuple(Index(root) for root in self._roots)
        for index in self._indexes:
            index.refresh(near, progress)

    def wait_for_index(self, timeout_s: float) -> bool:
        """Wait until the index is up to date; whether it is."""
        return all(index.wait(timeout_s) for index in self._indexes)

    @property
    def columns(self) -> tuple[Columns, ...]:
        """What the indexes know now."""
        return tuple(index.columns for index in self._indexes if index.columns is not None)

    def is_as_indexed(self, path: str, columns: Columns) -> bool:
        """Whether the file on disk is still the one that the index knows."""
        row = columns.file_rows.get(path)
        stamp = self._stamp(path)
        return row is not None and stamp is not None and columns.file_stamp[row].tolist() == [*stamp]

    def columns_of(self, records: Mapping[str, Record]) -> Columns:
        """The arrays of a few files, kept for as long as the files stay the same."""
        same = [record for _, record in sorted(records.items())]
        paths = sorted(records)
        if paths != self._overlay_paths or any(a is not b for a, b in zip(same, self._overlay_records, strict=True)):
            self._overlay_paths, self._overlay_records = paths, same
            self._overlay = build_columns(records)
        return self._overlay

    def remember_layout(self, path: str, layout: Layout) -> None:
        """Keep what is shown for a document until the next request."""
        self.layouts[path] = layout
        self.layouts.move_to_end(path)
        if MAX_LAYOUTS < len(self.layouts):
            self.layouts.popitem(last=False)

    def source(self, path: str) -> SourceText | None:
        """The file of the workspace or of a library at `path`, or None where there is none to show."""
        for folder in (*self._roots, *self._libraries):
            found = self._source_in(folder, path)
            if found is not None:
                return found
        return None

    def _listing(self) -> Iterator[tuple[Path, Iterable[str]]]:
        """The roots, each with the files below it: those that its index knows, or else those that are found."""
        indexes = self._indexes or (None,) * len(self._roots)
        for root, index in zip(self._roots, indexes, strict=True):
            if index is not None and index.columns is not None:
                yield root, index.columns.file_rows
            elif not is_too_wide(root):
                yield root, (found.path for found in islice(walk(root), MAX_LISTED_FILES))

    def _source_in(self, folder: Path, path: str) -> SourceText | None:
        file = folder / path
        stamp = _stamp_of(file)
        if stamp is None:
            return None
        known = self._known.get(file)
        if known is None or known[0] != stamp:
            if MAX_REMEMBERED_FILES <= len(self._known):
                self._known.clear()
            known = self._known[file] = (stamp, self._read(folder, path, stamp))
        return known[1]

    def _read(self, folder: Path, path: str, stamp: _Stamp) -> SourceText | None:
        """What a file defines, from the index where that knows this very text."""
        for columns in self.columns:
            row = columns.file_rows.get(path)
            if row is not None and tuple(columns.file_stamp[row].tolist()) == stamp:
                return SourceText(path, Record(columns.outline(row), {}))
        text = read_text(folder, path)
        return None if text is None else SourceText(path, read_record(text, language_of(path)))

    def _stamp(self, path: str) -> _Stamp | None:
        stamps = (_stamp_of(root / path) for root in self._roots)
        return next((stamp for stamp in stamps if stamp is not None), None)


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
            if document.path == path:
                return read_document(document)
        return self.workspace.source(path)


def _standard_library() -> tuple[Path, ...]:
    """The folder of the standard library of this interpreter; no project interpreter is ever asked."""
    return (Path(sysconfig.get_path("stdlib")),)


def _environments(roots: Sequence[Path]) -> tuple[Path, ...]:
    """The installed packages of virtual environments inside the roots, found by their usual names."""
    pattern = "Lib/site-packages" if sys.platform == "win32" else "lib/python3*/site-packages"
    return tuple(found for root in roots for name in (".venv", "venv") for found in (root / name).glob(pattern))
