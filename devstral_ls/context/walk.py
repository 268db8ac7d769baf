"""The files of a workspace that may be indexed, nearest first."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

from devstral_ls.context.files import MAX_FILE_BYTES, language_of
from devstral_ls.context.ignore import IGNORE_FILES, Rules, is_ignored, read_rules
from devstral_ls.context.secrets import is_secret_path

MAX_FILES = 200_000
MAX_FOLDERS = 100_000

# Other people's code and what tools generate, also where no ignore file says so.
VENDORED_FOLDERS = frozenset({
    "node_modules", "bower_components", "site-packages", "vendor", "_vendor", "third_party", "typeshed", "target",
    "__pycache__", ".venv", "venv", ".tox", ".nox", ".git", ".hg", ".svn", "dist",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be indexed, and what tells whether it changed."""

    path: str  # relative to the root, with forward slashes
    modified_ns: int
    n_bytes: int


class Omission(StrEnum):
    """Why a file or folder is not indexed."""

    LINK = "a link, or no plain file"
    VENDORED = "a folder of other people's code, or of what tools make"
    CONFIDENTIAL = "its name is that of files that hold secrets"
    IGNORED = "an ignore file names it"
    TOO_LARGE = "larger than 1 MB"
    NO_NAME = "its name is not UTF-8"
    NO_TEXT = "binary, not UTF-8, generated or not readable"


LeaveOut = Callable[[Omission, str], None]  # is told of what is left out, a folder with a slash at its end


def _tell_nobody(_omission: Omission, _path: str) -> None:
    pass


def is_too_wide(root: Path) -> bool:
    """Whether a root is a whole disk or a whole home folder: nobody means that as a project."""
    resolved = root.resolve()
    return resolved == Path(resolved.anchor) or resolved == Path.home().resolve()


def walk(root: Path, near: Sequence[str] = (), leave_out: LeaveOut = _tell_nobody) -> Iterator[Found]:
    """The files below `root`: first those in the folders of the `near` paths, then level by level.

    Links are not followed. What git would ignore, secrets, vendored folders and large files are left out.
    """
    own = {os.path.dirname(path) for path in near}  # noqa: PTH120  relative names, no files
    later: list[Found] = []
    for found in islice(_walk_levels(root, leave_out), MAX_FILES):
        if os.path.dirname(found.path) in own or not own:  # noqa: PTH120  as above
            yield found
        else:
            later.append(found)
    yield from later


def _walk_levels(root: Path, leave_out: LeaveOut) -> Iterator[Found]:
    waiting: deque[tuple[str, tuple[Rules, ...]]] = deque([("", (_git_excludes(root),))])
    n_folders = 0
    while waiting and n_folders < MAX_FOLDERS:
        folder, chain = waiting.popleft()
        n_folders += 1
        entries = _entries(root / folder)
        chain = (*chain, *_rules_in(root, folder, {entry.name for entry in entries}))
        for entry in entries:
            path = folder + entry.name
            if not _is_text(entry.name):
                leave_out(Omission.NO_NAME, path)
                continue
            if entry.is_dir(follow_symlinks=False):
                omission = _omission_of_folder(path, entry.name, chain)
                if omission is None:
                    waiting.append((f"{path}/", chain))
                else:
                    leave_out(omission, f"{path}/")
            elif language_of(path):
                found = _found(path, entry)
                omission = _omission_of_file(path, entry, found, chain)
                if omission is not None:
                    leave_out(omission, path)
                elif found is not None:
                    yield found


def _is_text(name: str) -> bool:
    """Whether a name can be written; on Unix names are bytes, of which some come as lone surrogates."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _omission_of_folder(path: str, name: str, chain: Sequence[Rules]) -> Omission | None:
    if name in VENDORED_FOLDERS:
        return Omission.VENDORED
    if is_secret_path(f"{path}/"):
        return Omission.CONFIDENTIAL
    return Omission.IGNORED if is_ignored(path, chain, is_folder=True) else None


def _omission_of_file(
    path: str, entry: os.DirEntry[str], found: Found | None, chain: Sequence[Rules]
) -> Omission | None:
    if not entry.is_file(follow_symlinks=False):
        return Omission.LINK
    if found is None:
        return Omission.NO_TEXT
    if MAX_FILE_BYTES < found.n_bytes:
        return Omission.TOO_LARGE
    if is_secret_path(path):
        return Omission.CONFIDENTIAL
    return Omission.IGNORED if is_ignored(path, chain, is_folder=False) else None


def _found(path: str, entry: os.DirEntry[str]) -> Found | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return Found(path, status.st_mtime_ns, status.st_size)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, in one order; nothing when it cannot be read."""
    try:
        with os.scandir(folder) as scanned:
            return sorted(scanned, key=lambda entry: entry.name)
    except OSError:
        return []


def _rules_in(root: Path, folder: str, names: set[str]) -> list[Rules]:
    return [read_rules(root / folder / name, folder) for name in IGNORE_FILES if name in names]


def _git_excludes(root: Path) -> Rules:
    return read_rules(root / ".git" / "info" / "exclude", "")
