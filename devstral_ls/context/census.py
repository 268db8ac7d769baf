"""Which files of a workspace are not indexed, and by which rule."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from devstral_ls.context.roots import Root
from devstral_ls.context.walk import Omission, walk


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files and folders that one rule leaves out."""

    rule: Omission
    n: int
    example: str  # the first of them; a folder has a slash at its end


def census(roots: Iterable[tuple[Root, Collection[str] | None]]) -> tuple[LeftOut, ...]:
    """What is left out of these roots, each given with the paths that its index holds; walks all of them.

    What the walk finds and a finished index has not could not be read as text.
    """
    examples: dict[Omission, list[str]] = {}
    for root, indexed in roots:

        def leave_out(omission: Omission, path: str, prefix: str = root.prefix) -> None:
            examples.setdefault(omission, []).append(prefix + path)

        for found in walk(root.folder, leave_out=leave_out):
            if indexed is not None and root.prefix + found.path not in indexed:
                leave_out(Omission.NO_TEXT, found.path)
    return _counted(examples)


def _counted(examples: Mapping[Omission, list[str]]) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(rule, len(paths), paths[0]) for rule in Omission if (paths := examples.get(rule)))
