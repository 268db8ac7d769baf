"""The checkers and neighbours that the commands `fix` and `explain` give to the features."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from devstral_ls.cli.files import read_document, root_of
from devstral_ls.errors import UsageError
from devstral_ls.text import Document

if TYPE_CHECKING:  # for start-up: `--help` needs no checkers
    from devstral_ls.checkers import Declaration, Ty
    from devstral_ls.features.fixes import Tools

_MAX_NEIGHBOURS = 200


class Workbench:
    """Keeps one warm type checker for each project, and the texts beside the ones that are looked at."""

    def __init__(self, declarations: tuple["Declaration", ...] = ()) -> None:
        self._declarations = declarations
        self._types: dict[Path, Ty] = {}
        self._folders: dict[tuple[Path, str], tuple[Document, ...]] = {}

    def tools_for(self, path: Path, document: Document) -> "Tools":
        from devstral_ls.checkers import Declared, Ruff, Ty  # noqa: PLC0415  for start-up
        from devstral_ls.features.fixes import Tools  # noqa: PLC0415  for start-up
        from devstral_ls.features.grammar import grammar  # noqa: PLC0415  for start-up

        beside = self._folder(path.resolve().parent, path.suffix)
        neighbours = tuple(each for each in beside if each.uri != document.uri)
        root = root_of(path)
        # From a terminal nobody waits for a menu: the user's programs judge like all others.
        declared = tuple(Declared(each, root) for each in self._declarations)
        if not Ty.is_installed():
            return Tools(checkers=(Ruff(), grammar(), *declared), neighbours=neighbours)
        types = self._types.setdefault(root, Ty(root))
        return Tools(checkers=(Ruff(), types, grammar(), *declared), neighbours=neighbours, types=types)

    def close(self) -> None:
        for types in self._types.values():
            types.close()

    def _folder(self, folder: Path, suffix: str) -> tuple[Document, ...]:
        """The readable files of one folder and one kind, read once."""
        if (folder, suffix) not in self._folders:
            paths = sorted(folder.glob(f"*{suffix}"))[:_MAX_NEIGHBOURS]
            read = (_read(path) for path in paths if not path.is_symlink())
            self._folders[folder, suffix] = tuple(document for document in read if document is not None)
        return self._folders[folder, suffix]


def read_declarations(path: Path) -> tuple["Declaration", ...]:
    """The checkers that a file declares, in the shape of the setting `checkers`; a wrong one is refused."""
    from devstral_ls.checkers import declarations_of  # noqa: PLC0415  for start-up

    try:
        given = json.loads(read_document(path).text)
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from None
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise UsageError(f"{path} must hold a list of objects, as the setting `checkers` does")
    declarations, problems = declarations_of(given)
    if problems:
        raise UsageError(problems[0].removesuffix("; it is left out"))
    return declarations


def _read(path: Path) -> Document | None:
    try:
        return read_document(path)
    except UsageError:
        return None
