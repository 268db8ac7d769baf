"""The folders of a workspace and what their files are called: with the folder's name first where there are several."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from devstral_ls.text import Document, Place


@dataclass(frozen=True, slots=True)
class Root:
    """A folder, and what the names of its files begin with: nothing where it is the only one."""

    folder: Path
    prefix: str = ""

    def name_of(self, file: Path) -> str | None:
        """What a file is called, or None for one that lies elsewhere."""
        return self.prefix + file.relative_to(self.folder).as_posix() if file.is_relative_to(self.folder) else None

    def path_in(self, name: str) -> str | None:
        """Where in the folder that which is called `name` lies, or None for what lies elsewhere."""
        return name.removeprefix(self.prefix) if name.startswith(self.prefix) else None


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders of a workspace."""

    each: tuple[Root, ...]
    are_named: bool  # else what the caller calls a document is its name here

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "Roots":
        """The roots in these folders; a folder inside another one belongs to it."""
        resolved = tuple(dict.fromkeys(folder.resolve() for folder in folders))
        outermost = [each for each in resolved if not any(other in each.parents for other in resolved)]
        if len(outermost) <= 1:
            return cls(tuple(map(Root, outermost)), 1 < len(resolved))
        prefixes: dict[str, Path] = {}
        for each in outermost:
            prefixes[_unlike(each.name or "root", prefixes)] = each
        return cls(tuple(Root(folder, prefix) for prefix, folder in prefixes.items()), are_named=True)

    def named(self, document: Document) -> Document:
        """The document under the name that its file has here, which tells equal paths in two roots apart."""
        file = _file_of(document.uri) if self.are_named else None
        names = (root.name_of(file) for root in self.each) if file else iter(())
        name = next((each for each in names if each is not None), document.path)
        return document if name == document.path else replace(document, path=name)

    def named_place(self, place: Place) -> Place:
        """The place in its document as it is called here."""
        document = self.named(place.document)
        return place if document is place.document else replace(place, document=document)

    def home_of(self, path: str) -> str:
        """What the names of all files in the same root begin with."""
        return next((root.prefix for root in self.each if path.startswith(root.prefix)), "")


def located(path: str, roots: Sequence[Root]) -> Iterator[tuple[Path, str]]:
    """The folders in which that which is called `path` may lie, and where in them."""
    for root in roots:
        inside = root.path_in(path)
        if inside is not None:
            yield root.folder, inside


def _unlike(name: str, others: dict[str, Path]) -> str:
    """The prefix for a folder of this name, with a number where another root has it."""
    prefix, number = f"{name}/", 1
    while prefix in others:
        number += 1
        prefix = f"{name}-{number}/"
    return prefix


def _file_of(uri: str) -> Path | None:
    """The file of a `file:` URI, or None for any other."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    path = unquote(parts.path)
    return Path(path[1:] if sys.platform == "win32" else path) if parts.scheme == "file" else None
