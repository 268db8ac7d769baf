"""Changes as models write them: a path, lines that stand in that file, and the lines to put in their place.

The form is the one that models have seen most often, with the marks of a merge conflict.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from devstral_ls.errors import ChangeRefused

OLD, BETWEEN, NEW = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
# What models put around a path: a bullet, a heading, quotes, emphasis.
_AROUND_A_PATH = " \t`'\"*#:"
_LIKE_A_PATH = re.compile(r"[\w./\\-]+\.\w+")
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class EditBlock:
    """Whole lines of one file, and what they become; no `new` lines takes them away."""

    path: str
    old: tuple[str, ...]
    new: tuple[str, ...]


def edit_blocks(answer: str, paths: Iterable[str]) -> list[EditBlock]:
    """All blocks of an answer about the files at `paths`, in its order; `ChangeRefused` where one is not whole."""
    known = frozenset(paths)
    blocks: list[EditBlock] = []
    lines = iter(answer.replace("\r\n", "\n").split("\n"))
    path = above = ""
    for line in lines:
        if line.strip() == OLD:
            path = _path(above, known, path)
            old = tuple(_until(BETWEEN, lines, path))
            blocks.append(EditBlock(path, old, tuple(_until(NEW, lines, path))))
            above = path
        elif line.strip(_AROUND_A_PATH) and not line.lstrip().startswith(_FENCE):
            above = line.strip(_AROUND_A_PATH)
    return blocks


def line_of(block: EditBlock, lines: Sequence[str]) -> int:
    """The first line of the one place in `lines` where a block belongs, from 0; blanks at line ends are forgiven."""
    old = [line.rstrip() for line in block.old]
    if not any(old):
        raise ChangeRefused(f"the answer does not say which lines of {block.path} it replaces")
    bare = [line.rstrip() for line in lines]
    places = [first for first in range(len(bare) - len(old) + 1) if bare[first : first + len(old)] == old]
    if len(places) != 1:
        first_line = next(line for line in old if line).strip()[:60]
        where = "do not stand in it" if not places else f"stand there {len(places)} times"
        raise ChangeRefused(f"the answer replaces lines of {block.path} that {where}: {first_line!r}")
    return places[0]


def _path(above: str, known: frozenset[str], last: str) -> str:
    """The path that the line above a block names, or the last one where that line is prose."""
    word = above.rsplit(" ", maxsplit=1)[-1].strip(_AROUND_A_PATH)
    if above in known or word in known:
        return above if above in known else word
    if not last or _LIKE_A_PATH.fullmatch(above):
        raise ChangeRefused(f"the answer changes {above[:80]!r}, which it was not shown")
    return last


def _until(mark: str, lines: Iterator[str], path: str) -> Iterator[str]:
    for line in lines:
        if line.strip() == mark:
            return
        yield line
    raise ChangeRefused(f"the answer ends in the middle of a change to {path}")
