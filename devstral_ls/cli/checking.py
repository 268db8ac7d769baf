"""The checkers and neighbours that the commands `fix` and `explain` give to the features."""

from pathlib import Path
from typing import TYPE_CHECKING

from devstral_ls.cli.files import read_document, root_of
from devstral_ls.errors import UsageError
from devstral_ls.text import Document

if TYPE_CHECKING:  # for start-up: `--help` needs no checkers
    from devstral_ls.checkers import Ty
    from devstral_ls.features.fixes import Tools

_MAX_NEIGHBOURS = 200


class Workbench:
    """Keeps one warm type checker for each project, and the texts beside the ones that are looked at."""

    def __init__(self) -> None:
        self._types: dict[Path, Ty] = {}
        self._folders: dict[Path, tuple[Document, ...]] = {}

    def tools_for(self, path: Path, document: Document) -> "Tools":
        from devstral_ls.checkers import Ruff, Ty  # noqa: PLC0415  for start-up
        from devstral_ls.features.fixes import Tools  # noqa: PLC0415  for start-up
        from devstral_ls.features.grammar import grammar  # noqa: PLC0415  for start-up

        neighbours = tuple(each for each in self._folder(path.resolve().parent) if each.uri != document.uri)
        if not Ty.is_installed():
            return Tools(checkers=(Ruff(), grammar()), neighbours=neighbours)
        root = root_of(path)
        types = self._types.setdefault(root, Ty(root))
        return Tools(checkers=(Ruff(), types, grammar()), neighbours=neighbours, types=types)

    def close(self) -> None:
        for types in self._types.values():
            types.close()

    def _folder(self, folder: Path) -> tuple[Document, ...]:
        """The readable Python files of one folder, read once."""
        if folder not in self._folders:
            paths = sorted(folder.glob("*.py"))[:_MAX_NEIGHBOURS]
            read = (_read(path) for path in paths if not path.is_symlink())
            self._folders[folder] = tuple(document for document in read if document is not None)
        return self._folders[folder]


def _read(path: Path) -> Document | None:
    try:
        return read_document(path)
    except UsageError:
        return None
