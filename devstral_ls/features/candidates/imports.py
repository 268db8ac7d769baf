"""A name that nobody imported: as the rest of the project imports it, from the project, or the standard library."""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case
from devstral_ls.features.candidates.standard_library import homes, modules
from devstral_ls.features.import_lines import Imported, edit_for, imports_of
from devstral_ls.features.python_tree import parse
from devstral_ls.features.scopes import bound_names
from devstral_ls.text import Document

TOPICS = frozenset({Topic.NAME})
_MAX_REMEMBERED = 1024
_MIN_BARE_CHARACTERS = 4  # a shorter name that is not followed by a dot is rarely a module


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `print(os.getcwd())`. After: the same with `import os` at its place above."""
    place = case.identifier()
    if place is None:
        return
    name = place.of(case.text)
    has_dot = case.text[place.end : place.end + 1] == "."
    for wanted, cost in _wanted(name, case, has_dot=has_dot):
        edit = edit_for(wanted, case.document)
        if edit is not None:
            yield Candidate((edit,), wanted.statement, cost, "imports")


def _wanted(name: str, case: Case, *, has_dot: bool) -> Iterator[tuple[Imported, float]]:
    usual = Counter(
        one
        for neighbour in case.neighbours
        for one in imports_of(neighbour)
        if one.bound_name == name and not (one.module.startswith(".") and not _same_folder(neighbour, case.document))
    )
    known_modules = {one.module for one in imports_of(case.document)}
    for rank, (wanted, _) in enumerate(usual.most_common(3)):
        yield wanted, 0.3 + 0.2 * rank - (0.25 if wanted.module in known_modules else 0.0)
    for neighbour in case.neighbours:
        if _defines(neighbour, name) and neighbour.path != case.document.path:
            yield Imported(_module_from(case.document, neighbour), name), 0.6
    if name in modules():
        yield Imported(name), 0.5 if has_dot else 1.2 if _MIN_BARE_CHARACTERS <= len(name) else 2.5
    elif name in homes():
        yield Imported(homes()[name], name), 0.6


def _defines(document: Document, name: str) -> bool:
    """Whether the top level of a text binds `name` itself."""
    imported = {one.bound_name for one in imports_of(document)}
    return name in _bound_at_top(document.text) and name not in imported


@lru_cache(maxsize=_MAX_REMEMBERED)
def _bound_at_top(text: str) -> frozenset[str]:
    tree = parse(text)
    return frozenset(bound_names(tree)) if tree else frozenset()


def _module_from(document: Document, other: Document) -> str:
    """How `document` says the module of `other`: relative to a shared package where it already speaks so."""
    here, there = PurePosixPath(document.path), PurePosixPath(other.path)
    name = "" if there.stem == "__init__" else there.stem
    if here.parent == there.parent and _is_relative(document):
        return f".{name}"
    parts = [part for part in there.parent.parts if part not in ("src", "lib")]
    return ".".join([*parts, name] if name else parts) or name


def _is_relative(document: Document) -> bool:
    return any(one.module.startswith(".") for one in imports_of(document))


def _same_folder(a: Document, b: Document) -> bool:
    return PurePosixPath(a.path).parent == PurePosixPath(b.path).parent
