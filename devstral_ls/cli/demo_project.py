"""The sample project of the demo: a file that exists, a file that is being written, and what is typed into it."""

from dataclasses import dataclass
from pathlib import Path

FINISHED = "library.py"
WRITTEN = "test_library.py"

_FINISHED_TEXT = '''\
"""A small library."""

from dataclasses import dataclass


@dataclass
class Book:
    title: str
    author: str
    year: int


class Library:
    """Books by their title."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.books: dict[str, Book] = {}

    def add(self, book: Book) -> None:
        self.books[book.title] = book

    def find(self, title: str) -> Book | None:
        return self.books.get(title)

    def remove(self, title: str) -> None:
        del self.books[title]

    def __len__(self) -> int:
        return len(self.books)
'''

BEGINNING = '''\
"""Tests of a small library."""

from library import Book, Library


def test_add() -> None:
    library = Library("Main Street")
    library.add(Book("Dune", "Frank Herbert", 1965))
    assert len(library) == 1'''

END = "\n"


@dataclass(frozen=True, slots=True)
class Scene:
    """Something is typed, a suggestion is awaited, and its author takes as much of it as is wanted."""

    typed: str
    wanted: str


SCENES = (
    Scene(
        "\n\n\ndef test_find() -> None:\n    ",
        'library = Library("Main Street")\n    library.add(Book("Dune", "Frank Herbert", 1965))',
    ),
    Scene('\n    assert library.find("Dune").year == ', "1965"),
    Scene("\n\n\ndef test_remove() -> None:\n    lib", 'rary = Library("Main Street")'),
    Scene("\n    ", 'library.add(Book("Dune", "Frank Herbert", 1965))'),
    Scene('\n    library.remove("Dune")\n    assert len(', "library) == 0"),
)


def write_project(folder: Path) -> None:
    """Put both files into an empty folder."""
    (folder / FINISHED).write_text(_FINISHED_TEXT, encoding="utf-8")
    (folder / WRITTEN).write_text(BEGINNING + END, encoding="utf-8")
