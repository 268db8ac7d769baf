"""From an import statement to the file and symbol that it means, read from texts alone: nothing is executed."""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devstral_ls.context.outline import EVERYTHING, WHOLE_MODULE, Import
from devstral_ls.context.records import SourceText

MAX_REEXPORT_HOPS = 4
MAX_REEXPORTS = 64
_SOURCE_FOLDERS = ("", "src", "lib")
_PYTHON_SUFFIXES = frozenset({"py", "pyi"})
_SCRIPT_SUFFIXES = ("ts", "tsx", "js", "jsx", "mjs", "cjs", "mts", "cts")
_C_SUFFIXES = frozenset({"c", "h", "cc", "cpp", "cxx", "hpp"})

FindSource = Callable[[str], SourceText | None]


@dataclass(frozen=True, slots=True)
class Target:
    """What an import means: a symbol of a text, or the whole text when `symbol` is None."""

    source: SourceText
    symbol: int | None
    written: Import | None  # None when it is not imported but known to be the type of what is used


def resolve_imports(source: SourceText, find: FindSource) -> list[Target]:
    """The targets of all imports of `source`, in the order in which they are written."""
    return [target for written in source.outline.imports for target in resolve_import(written, source.path, find)]


def resolve_import(written: Import, path: str, find: FindSource) -> list[Target]:
    """The targets of one import in the file at `path`; none when it lies outside what may be read."""
    if written.name in (WHOLE_MODULE, EVERYTHING):
        module = _find_module(written.module, path, find)
        return [Target(module, None, written), *_reexports(module, written, find)] if module else []
    target = _find_symbol(written, path, find, MAX_REEXPORT_HOPS)
    if target is None:
        return []
    return [target, *_reexports(target.source, written, find)] if target.symbol is None else [target]


def _reexports(module: SourceText, written: Import, find: FindSource) -> Iterator[Target]:
    """What a package offers under its own name but defines elsewhere in itself."""
    if not module.path.endswith("__init__.py"):
        return
    offered = [onward for onward in module.outline.imports if onward.name not in (WHOLE_MODULE, EVERYTHING)]
    for onward in offered[:MAX_REEXPORTS]:
        found = _find_symbol(onward, module.path, find, MAX_REEXPORT_HOPS)
        if found is not None and found.symbol is not None:
            yield Target(found.source, found.symbol, Import(written.module, onward.bound_name, "", written.line))


def _find_symbol(written: Import, path: str, find: FindSource, n_hops: int) -> Target | None:
    """What `from module import name` means: a definition, also through re-exports, or a submodule of that name."""
    module = _find_module(written.module, path, find)
    if module is None:
        return None
    is_own = module.path == path  # as in a package's own text: it can only mean a submodule
    if not is_own and (found := _find_offered(written, module, find, n_hops)):
        return found
    separator = "" if written.module.endswith(".") else "."
    submodule = _find_module(f"{written.module}{separator}{written.name}", path, find)
    if submodule is not None and submodule.path != path:
        return Target(submodule, None, written)
    return None if is_own else _find_through_stars(written, module, find, n_hops)


def _find_offered(written: Import, module: SourceText, find: FindSource, n_hops: int) -> Target | None:
    """What the text of a module defines or imports under the name."""
    symbol = module.outline.top_level(written.name)
    if symbol is not None:
        return Target(module, symbol, written)
    for onward in module.outline.imports if 0 < n_hops else ():
        if onward.bound_name == written.name and onward.name not in (WHOLE_MODULE, EVERYTHING):
            found = _find_symbol(onward, module.path, find, n_hops - 1)
            return Target(found.source, found.symbol, written) if found else None
    return None


def _find_through_stars(written: Import, module: SourceText, find: FindSource, n_hops: int) -> Target | None:
    for onward in module.outline.imports:
        if onward.name != EVERYTHING or n_hops <= 0:
            continue
        through = Import(onward.module, written.name, "", onward.line)
        found = _find_symbol(through, module.path, find, n_hops - 1)
        if found is not None:
            return Target(found.source, found.symbol, written)
    return None


def _find_module(module: str, path: str, find: FindSource) -> SourceText | None:
    for candidate in _candidate_paths(module, path, find):
        found = find(candidate)
        if found is not None:
            return found
    return None


def _candidate_paths(module: str, path: str, find: FindSource) -> Iterator[str]:
    """Where the text of a module may be, by the rules of the importing text's language."""
    suffix = path.rpartition(".")[2]
    folder = path.rpartition("/")[0]
    if suffix in _PYTHON_SUFFIXES:
        for stem in _stems(module, path, find):
            yield from (f"{stem}.py", f"{stem}/__init__.py", f"{stem}.pyi")
    elif suffix in _SCRIPT_SUFFIXES and module.startswith("."):
        target = posixpath.normpath(posixpath.join(folder, module))
        yield target
        yield from (f"{target.removesuffix('.js')}.{ending}" for ending in _SCRIPT_SUFFIXES)
        yield from (f"{target}/index.{ending}" for ending in _SCRIPT_SUFFIXES)
    elif suffix in _C_SUFFIXES:
        yield from (posixpath.normpath(posixpath.join(base, module)) for base in (folder, "", "include", "src"))


def _stems(module: str, path: str, find: FindSource) -> Iterator[str]:
    """Where the file of a module may be, without its ending."""
    name = module.lstrip(".")
    n_dots = len(module) - len(name)
    below = name.replace(".", "/")
    folder = path.rpartition("/")[0]
    if n_dots:
        for _ in range(n_dots - 1):
            folder = folder.rpartition("/")[0]
        yield _joined(folder, below)
        return
    for base in dict.fromkeys((_package_root(folder, find), *_SOURCE_FOLDERS)):
        yield _joined(base, below)


def _package_root(folder: str, find: FindSource) -> str:
    """The folder that Python would have on its path to import from `folder`."""
    while folder and find(f"{folder}/__init__.py") is not None:
        folder = folder.rpartition("/")[0]
    return folder


def _joined(folder: str, below: str) -> str:
    return f"{folder}/{below}" if folder and below else folder or below
