"""The project around a document: its files are read, and run only where its user trusts it."""

import itertools
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from devstral_ls.checkers.rehearsal import Rehearsal, files_of, rehearsal
from devstral_ls.text import Document

MAX_READ_BYTES = 1_000_000
MAX_NAMES = 2_000  # of a folder
MAX_SEARCHED = 5_000  # files


@dataclass(frozen=True, slots=True)
class Project:
    """A folder, and the texts of its files that are open, by their paths in it; a path names no parent."""

    root: Path
    is_trusted: bool = False
    opened: Mapping[str, Document] = field(default_factory=dict)

    def document(self, path: str) -> Document | None:
        """The text of a file as its user sees it; None where there is no plain file of bearable size."""
        if path in self.opened:
            return self.opened[path]
        file = self._file(path)
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode) or MAX_READ_BYTES < status.st_size:
                return None
            text = file.read_bytes().decode()
        except (OSError, ValueError):
            return None
        return Document(file.as_uri(), text, path=path)

    def new_document(self, path: str) -> Document:
        """An empty text where there is no file yet."""
        return Document(self._file(path).as_uri(), "", path=path)

    def holding(self, words: str) -> Iterator[Document]:
        """The Python files that hold these words, as far as they are soon found."""
        for path in itertools.islice(files_of(self.root), MAX_SEARCHED):
            document = self.document(path) if path.endswith(".py") else None
            if document is not None and words in document.text:
                yield document

    def named(self, names: Sequence[str]) -> list[str]:
        """The paths of the files with one of these names."""
        paths = itertools.islice(files_of(self.root), MAX_SEARCHED)
        return [path for path in paths if path.rpartition("/")[2] in names]

    def names_in(self, folder: str) -> list[str]:
        """The names of what lies in a folder; nothing where there is none."""
        try:
            return sorted(each.name for each in self._file(folder).iterdir())[:MAX_NAMES]
        except OSError:
            return []

    def rehearse(self, texts: Mapping[str, str]) -> AbstractContextManager[Rehearsal]:
        """A copy in which these files have these texts, to run something in."""
        assert self.is_trusted
        return rehearsal(self.root, texts)

    def _file(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        assert ".." not in parts
        return self.root.joinpath(*parts)
