"""Files that a user names on the command line: found, read as documents, and written back."""

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.errors import UsageError
from devstral_ls.text import Document, Place

MAX_FILE_BYTES = 4_000_000
_LEFT_OUT = frozenset({"venv", "node_modules", "build", "dist", "__pycache__"})
_BOM = b"\xef\xbb\xbf"
_ROOT_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "package.json", "Cargo.toml", "go.mod")
_LANGUAGES = {
    ".py": "python",
    ".pyi": "python",
    ".js": "javascript",
    ".jsx": "javascriptreact",
    ".ts": "typescript",
    ".tsx": "typescriptreact",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".rb": "ruby",
    ".php": "php",
    ".sh": "shellscript",
    ".bash": "shellscript",
}


@dataclass(frozen=True, slots=True)
class Spot:
    """FILE:LINE:COL as every compiler prints it; both numbers count from 1."""

    path: Path
    line: int
    column: int

    @classmethod
    def parse(cls, text: str) -> "Spot":
        name, *numbers = text.rsplit(":", 2)
        if len(numbers) != 2 or not name or not all(number.isascii() and number.isdigit() for number in numbers):
            raise UsageError(f"{text!r} names no position; write FILE:LINE:COL, such as app.py:12:5")
        return cls(Path(name), int(numbers[0]), int(numbers[1]))

    def place_in(self, document: Document) -> Place:
        """The cursor at this spot; one column behind the last character is still in its line."""
        lines = document.lines
        if not 1 <= self.line <= lines.n_lines:
            raise UsageError(f"line {self.line} is outside {self.path}, which has {_count(lines.n_lines, 'line')}")
        span = document.line_span(self.line - 1)
        if not 1 <= self.column <= len(span) + 1:
            columns = f"columns 1 to {len(span) + 1}"
            raise UsageError(f"column {self.column} is outside line {self.line} of {self.path}, which has {columns}")
        return Place(document, span.start + self.column - 1)


def read_document(path: Path) -> Document:
    """The text file at `path`, named as the model should know it."""
    text = _decode(path, _read(path))
    root = root_of(path)
    return Document(
        uri=path.resolve().as_uri(),
        text=text,
        language_id=_LANGUAGES.get(path.suffix.lower(), "plaintext"),
        path=path.resolve().relative_to(root).as_posix(),
    )


def suffixes_of(languages: Iterable[str]) -> tuple[str, ...]:
    """The endings of the names of files in these languages."""
    wanted = set(languages)
    return tuple(suffix for suffix, language in _LANGUAGES.items() if language in wanted)


def files_below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """The files with these endings, sorted; links, hidden folders and those of tools are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if name.endswith(suffixes))


def write_back(path: Path, original: str, text: str) -> None:
    """Write a new text, unless the file has become another one meanwhile; a byte order mark stays."""
    mark = refuse_if_changed(path, original)
    try:
        path.write_bytes(mark + text.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def refuse_if_changed(path: Path, original: str) -> bytes:
    """The byte order mark of a file that still holds `original`, or nothing where it has none."""
    present = _read(path)
    mark = _BOM if present.startswith(_BOM) else b""
    if present != mark + original.encode():
        raise UsageError(f"{path} was changed meanwhile; run the command again")
    return mark


def diff_of(path: Path, original: str, text: str) -> str:
    """What a patch tool can read."""
    old, new = (each.splitlines(keepends=True) for each in (original, text))
    return "".join(difflib.unified_diff(old, new, str(path), str(path)))


def root_of(path: Path) -> Path:
    """The folder of the project that `path` belongs to, or the folder of the file."""
    folder = path.resolve().parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in _ROOT_MARKS):
            return candidate
    return folder


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a plain file")
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {_reason(error)}") from None
    if MAX_FILE_BYTES < len(content):
        megabytes = path.stat().st_size / 1e6
        raise UsageError(
            f"{path} has {megabytes:.1f} MB, but files up to {MAX_FILE_BYTES / 1e6:.0f} MB are completed; split it"
        )
    return content


def _decode(path: Path, content: bytes) -> str:
    if b"\0" in content:
        raise UsageError(f"{path} is a binary file: it holds a zero byte at offset {content.index(0)}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}; convert it first"
        ) from None


def _reason(error: Exception) -> str:
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
