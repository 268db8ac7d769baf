"""Roots and URIs: what a document is called to the model, and where the files around it lie."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.uris import to_fs_path

_UNNAMED = "untitled"


def roots_of(params: Mapping[str, Any]) -> tuple[Path, ...]:
    """The folders that the client works in, whichever of its three ways it tells them at initialize."""
    folders = params.get("workspaceFolders")
    if folders and isinstance(folders, list):
        uris = (each.get("uri") for each in folders if isinstance(each, dict))
        return tuple(path for uri in uris if isinstance(uri, str) and (path := file_path(uri)) is not None)
    uri, path = params.get("rootUri"), params.get("rootPath")
    root = file_path(uri) if isinstance(uri, str) else None
    if root is None and isinstance(path, str) and path:
        root = Path(path)
    return (root,) if root else ()


def folder_paths(folders: Iterable[types.WorkspaceFolder]) -> tuple[Path, ...]:
    """The folders that are on this machine's disk."""
    return tuple(path for folder in folders if (path := file_path(folder.uri)) is not None)


def file_path(uri: str) -> Path | None:
    """The file of a `file:` URI, or None for every other scheme and for what is no URI."""
    try:
        path = to_fs_path(uri)
    except ValueError:
        return None
    return Path(path) if path and "\0" not in path else None


def document_path(uri: str, roots: Sequence[Path]) -> str:
    """What the document is called to the model: relative to the innermost root that holds it.

    A document outside all roots, or of another scheme, goes by its last name.
    """
    path = file_path(uri)
    if path is None:
        return _last_name(uri)
    inside = [path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root) and path != root]
    return min(inside, key=len, default=path.name)


def _last_name(uri: str) -> str:
    try:
        path = urlsplit(uri).path
    except ValueError:
        return _UNNAMED
    return PurePosixPath(unquote(path)).name or _UNNAMED
