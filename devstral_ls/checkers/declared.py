"""A program that the user declared as a checker, such as `tsc` or `cargo check`: it sees the text, we read its words.

It runs with the user's own environment and may read the project, so it is for workspaces that the user trusts.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from devstral_ls.checkers.mirror import mirrored
from devstral_ls.checkers.problem import Problem
from devstral_ls.checkers.process import said_by
from devstral_ls.checkers.reports import Reader, Seen
from devstral_ls.errors import CheckerFailed
from devstral_ls.text import Document
from devstral_ls.trace import span

_MAX_CHARACTERS = 2_000_000


class Input(StrEnum):
    """How a program gets to see a text that is not saved."""

    STDIN = "stdin"  # it reads standard input
    FILE = "file"  # a copy of this one file, alone in a folder
    PROJECT = "project"  # the whole project, with this text in the place of its file


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a user says of a program; in `command`, `{file}` is the file to check and `{folder}` the project."""

    name: str
    languages: tuple[str, ...]
    command: tuple[str, ...]
    reader: Reader
    input: Input = Input.FILE
    deadline_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Declared:
    """Runs the declared program once for each question, in the project below `root`."""

    declaration: Declaration
    root: Path

    @property
    def name(self) -> str:
        return self.declaration.name

    def speaks(self, language_id: str) -> bool:
        return language_id in self.declaration.languages

    def check(self, document: Document) -> list[Problem]:
        if not self.speaks(document.language_id) or _MAX_CHARACTERS < len(document.text):
            return []
        declared = self.declaration
        with span("checkers.declared"), self._shown(document) as (folder, file):
            places = {"{file}": str(file), "{folder}": str(folder)}
            said = said_by(
                [_filled(word, places) for word in declared.command],
                document.text if declared.input is Input.STDIN else "",
                folder=folder,
                deadline_ms=declared.deadline_ms,
                with_stderr=declared.reader.reads_stderr,
            )
        # A copy that stands alone is the only file of its folder.
        base = file.parent if declared.input is Input.FILE else folder
        problems = declared.reader.problems(said.output, Seen(document, file, base), self.name)
        if said.exit_code != 0 and not problems:
            # A program that could not even start to check also says nothing of this file.
            raise CheckerFailed(f"{self.name} ended with exit code {said.exit_code} and said nothing that can be read")
        return problems

    @contextmanager
    def _shown(self, document: Document) -> Iterator[tuple[Path, Path]]:
        """The folder to run in, and the file that holds the text."""
        match self.declaration.input:
            case Input.STDIN:
                yield self.root, self.root / document.path
            case Input.PROJECT:
                with mirrored(self.root, document.path, document.text) as folder:
                    yield folder, folder / document.path
            case Input.FILE:
                with tempfile.TemporaryDirectory(prefix="devstral-ls-") as folder:
                    file = Path(folder, PurePosixPath(document.path).name or "text")
                    file.write_text(document.text, "utf-8", errors="replace", newline="")
                    yield self.root, file


def _filled(word: str, places: dict[str, str]) -> str:
    for mark, path in places.items():
        word = word.replace(mark, path)
    return word
