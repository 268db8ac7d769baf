"""Cursor fixtures for the context: texts with `$0` at the cursor and small workspaces on disk."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from devstral_ls.context import Budget, Context, Piece, Sources, Workspace, gather
from devstral_ls.text import Document, Place

_FILE_TITLE = re.compile(r"(?m)^#- (\S+)\n")

Gather = Callable[..., Context]
Skeletons = Callable[..., dict[str, str]]


def count_tokens(text: str) -> int:
    """A stand-in for a tokenizer whose counts of whole lines add up exactly."""
    return len(re.findall(r"\w+|[^\w\s]|\n", text))


def place_at(text: str, path: str = "main.py") -> Place:
    """The cursor of a text in which `$0` marks it."""
    offset = text.index("$0")
    return Place(Document(uri=f"file:///{path}", text=text.replace("$0", ""), path=path), offset)


def budget_of(*, prefix: int = 400, suffix: int = 200, stable: int = 400) -> Budget:
    return Budget(prefix_tokens=prefix, suffix_tokens=suffix, stable_tokens=stable, count_tokens=count_tokens)


def write_files(root: Path, fixture: str) -> str:
    """Write each `#- path` section of the fixture below `root`; returns the text before the first one."""
    first, *rest = _FILE_TITLE.split(fixture)
    for path, text in zip(rest[::2], rest[1::2], strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return first


@pytest.fixture
def skeletons(tmp_path: Path) -> Skeletons:
    """Gather for a fixture of several files; what the model sees of the others, by path."""

    def gathered(fixture: str, *, path: str = "main.py", stable: int = 400) -> dict[str, str]:
        place = place_at(write_files(tmp_path, fixture), path)
        sources = Sources(workspace=Workspace((tmp_path,), libraries=()))
        return texts(gather(place, budget=budget_of(stable=stable), sources=sources).stable)

    return gathered


def texts(pieces: tuple[Piece, ...]) -> dict[str, str]:
    return {piece.path: piece.text for piece in pieces}
