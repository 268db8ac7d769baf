"""The checkers of this session: threads of their own ask them, the loop awaits these."""

import asyncio
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from devstral_ls.config import Settings
from devstral_ls.server.workspace import document_path, file_path
from devstral_ls.text import Document

if TYPE_CHECKING:  # checkers and features are imported by the thread, when somebody first asks
    from devstral_ls.checkers import Declared, Project, Ty
    from devstral_ls.features.fixes import Tools

N_THREADS = 2  # so that a hover does not wait for a fix that asks the model
MAX_NEIGHBOURS = 64
MAX_NEIGHBOUR_BYTES = 200_000
MAX_REMEMBERED_FILES = 1024

_Result = TypeVar("_Result")


class Checking:
    """Owns the type checkers, one for each root, and the threads that talk to checkers."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(N_THREADS, thread_name_prefix="checkers")
        # One at a time: what is typed meanwhile makes the waiting ones void.
        self._programs = ThreadPoolExecutor(1, thread_name_prefix="programs")
        self._types: dict[Path, Ty] = {}
        self._read: dict[Path, tuple[int, Document]] = {}  # a file's time of change, and its text then

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """The result of `work`, done in a thread; whoever is cancelled sets the token that `work` looks at."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def run_programs(self, work: Callable[[], _Result]) -> _Result:
        """The same for work that takes seconds, so that no hover waits for it."""
        return await asyncio.get_running_loop().run_in_executor(self._programs, work)

    def tools(
        self, document: Document, opened: Sequence[Document], roots: Sequence[Path], settings: Settings
    ) -> "Tools":
        """What a fix of `document` may use. Called in a thread."""
        from devstral_ls.checkers import Ruff  # noqa: PLC0415 - for start-up
        from devstral_ls.features.fixes import Tools  # noqa: PLC0415 - for start-up
        from devstral_ls.features.grammar import grammar  # noqa: PLC0415 - for start-up

        types = self._types_for(document, roots)
        neighbours = (*opened, *self._files_beside(document, opened, roots))
        checkers = (Ruff(), types, grammar()) if types else (Ruff(), grammar())
        programs = programs_for(document, roots, settings)
        project = _project_of(document, opened, roots, settings)
        return Tools(checkers=checkers, programs=programs, neighbours=neighbours, types=types, project=project)

    def close(self) -> None:
        """End the checkers; what they were asked last is not waited for."""
        for threads in (self._thread, self._programs):
            threads.shutdown(wait=False, cancel_futures=True)
        for types in self._types.values():
            types.close()

    def _files_beside(
        self, document: Document, opened: Sequence[Document], roots: Sequence[Path]
    ) -> Iterator[Document]:
        """The files of its language in the document's folder that are not open: they show how the project imports."""
        path = file_path(document.uri)
        if path is None or _root_of(document, roots) is None:
            return
        known = {document.uri, *(each.uri for each in opened)}
        try:
            files = sorted(file for file in path.parent.iterdir() if file.suffix == path.suffix)[:MAX_NEIGHBOURS]
        except OSError:
            return
        for file in files:
            found = self._neighbour(file, document.language_id, roots)
            if found is not None and found.uri not in known:
                yield found

    def _neighbour(self, file: Path, language_id: str, roots: Sequence[Path]) -> Document | None:
        """The text of a file, read again only when the file has changed."""
        stamp = _stamp(file)
        if stamp is None:
            return None
        known = self._read.get(file)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except (OSError, ValueError):
            return None
        if MAX_REMEMBERED_FILES <= len(self._read):
            self._read.clear()
        path = document_path(file.as_uri(), roots)
        document = Document(file.as_uri(), text, language_id=language_id, path=path)
        self._read[file] = (stamp, document)
        return document

    def _types_for(self, document: Document, roots: Sequence[Path]) -> "Ty | None":
        from devstral_ls.checkers import Ty  # noqa: PLC0415 - for start-up

        root = _root_of(document, roots)
        if root is None or not Ty.is_installed():
            return None
        return self._types.setdefault(root, Ty(root))


def programs_for(document: Document, roots: Sequence[Path], settings: Settings) -> tuple["Declared", ...]:
    """The user's own checkers of a document; none outside of what the user trusts."""
    root = _root_of(document, roots) if settings.checkers else None
    if root is None or not settings.trusts(root):
        return ()
    from devstral_ls.checkers import Declared, declarations_of  # noqa: PLC0415 - for start-up

    declared = (Declared(each, root) for each in declarations_of(settings.checkers)[0])
    return tuple(each for each in declared if each.speaks(document.language_id))


def _project_of(
    document: Document, opened: Sequence[Document], roots: Sequence[Path], settings: Settings
) -> "Project | None":
    """The project that holds the document, with the texts of its files that are open."""
    from devstral_ls.checkers import Project  # noqa: PLC0415 - for start-up

    root = _root_of(document, roots)
    if root is None:
        return None
    files = ((file_path(each.uri), each) for each in (document, *opened))
    inside = {file.relative_to(root).as_posix(): each for file, each in files if file and file.is_relative_to(root)}
    return Project(root, settings.trusts(root), inside)


def _root_of(document: Document, roots: Sequence[Path]) -> Path | None:
    """The innermost root that holds the document."""
    path = file_path(document.uri)
    holding = [root for root in roots if path is not None and path.is_relative_to(root)]
    return max(holding, key=lambda root: len(root.parts), default=None)


def _stamp(file: Path) -> int | None:
    """When a plain file of bearable size was changed; links are not followed."""
    try:
        status = file.lstat()
    except OSError:
        return None
    is_plain = stat.S_ISREG(status.st_mode) and status.st_size <= MAX_NEIGHBOUR_BYTES
    return status.st_mtime_ns if is_plain else None
