"""Holes in files of packages that the model never saw, and what their authors wrote there."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate
from token import NAME
from tokenize import generate_tokens

from devstral_ls.context.neighbours import nearest, within_limit
from devstral_ls.engine.request import Block, InfillPrompt
from onnx_export.pretrain import holes
from onnx_export.pretrain.corpus import SourceFile
from onnx_export.pretrain.holes import Hole
from onnx_export.pretrain.imports import ImportedBlocks

# As much as the product shows a model that says it fills holes best in 1,024 tokens.
PREFIX_CHARS = 1200
SUFFIX_CHARS = 1000
CONTEXT_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """One hole; everything around it is known."""

    file: SourceFile
    hole: Hole
    blocks: tuple[Block, ...]

    @property
    def expected(self) -> str:
        return self.file.text[self.hole.start : self.hole.end]

    @property
    def before(self) -> str:
        return self.file.text[: self.hole.start]

    @property
    def after(self) -> str:
        return self.file.text[self.hole.end :]

    def elsewhere(self, prompt: InfillPrompt) -> tuple[str, ...]:
        """The parts of the file that the prompt leaves out."""
        around = (self.before[: len(self.before) - len(prompt.prefix)], self.after[len(prompt.suffix) :])
        return tuple(text for text in around if text.strip())

    def prompt(self, *, with_context: bool) -> InfillPrompt:
        """What an editor would ask, in windows of whole lines."""
        first = max(0, self.hole.start - PREFIX_CHARS)
        prefix = self.before[self.before.find("\n", first) + 1 if first else 0 :]
        last = self.after.find("\n", SUFFIX_CHARS)
        suffix = self.after if last < 0 else self.after[:last]
        stable = self.blocks if with_context else ()
        return InfillPrompt(stable=stable, title=self.file.path, suffix=suffix, volatile="", prefix=prefix)


def neighbours_in(files: list[SourceFile]) -> Callable[[SourceFile], tuple[str, ...]]:
    """What the product would find around a file, when only these files are there."""
    texts = {file.path: file.text for file in files}
    packages: dict[str, list[str]] = {}
    for path in texts:
        packages.setdefault(path.split("/")[0], []).append(path)

    def around(file: SourceFile) -> tuple[str, ...]:
        own_package = packages[file.path.split("/")[0]]
        return within_limit(texts[path] for path in nearest(file.path, own_package))

    return around


def rest_of_line(text: str, rng: random.Random) -> Hole:
    """From any character of a line of code to its end; comments and docstrings are left to writers."""
    lines = [(start, end) for start, end in _code_lines(text) if start < end]
    if not lines:
        return holes.rest_of_line(text, rng)
    start, end = rng.choice(lines)
    return Hole(rng.randrange(start, end), end)


def next_line(text: str, rng: random.Random) -> Hole:
    """A line of code that is wanted at the end of the written line before it."""
    lines = [(len(text[:start].rstrip()), end) for start, end in _code_lines(text) if text[:start].strip()]
    return Hole(*rng.choice(lines)) if lines else holes.rest_of_line(text, rng)


TASKS: dict[str, Callable[[str, random.Random], Hole]] = {
    "rest of line": rest_of_line,
    "next line": next_line,
    "after dot": holes.after_dot,
    "arguments": holes.inside_call,
    "block": holes.block,
}


def draw(
    files: list[SourceFile],
    task: str,
    n_cases: int,
    of: list[SourceFile] | None = None,
    context_chars: int = CONTEXT_CHARS,
) -> list[Case]:
    """The same cases each time: files by their length, holes at random; `of` are those of the files that have holes."""
    rng = random.Random(task)
    imported = ImportedBlocks(files)
    drawn = files if of is None else of
    chosen = rng.choices(drawn, [len(file.text) for file in drawn], k=n_cases)
    return [Case(file, TASKS[task](file.text, rng), _blocks(imported, file, context_chars)) for file in chosen]


def _code_lines(text: str) -> list[tuple[int, int]]:
    """Where the visible part of each line starts and ends on which a name stands, outside strings and comments."""
    lines = text.splitlines(keepends=True)
    starts = [0, *accumulate(map(len, lines))]
    named = {token.start[0] - 1 for token in generate_tokens(StringIO(text).readline) if token.type == NAME}
    visible = [(starts[n] + len(lines[n]) - len(lines[n].lstrip()), starts[n] + len(lines[n].rstrip())) for n in named]
    return sorted(visible)


def _blocks(imported: ImportedBlocks, file: SourceFile, room: int) -> tuple[Block, ...]:
    """As many as fit, sorted by path as the product does."""
    kept = []
    for block in sorted(imported.of(file), key=lambda block: block.path):
        if len(block.text) <= room:
            kept.append(Block(block.path, block.text))
            room -= len(block.text)
    return tuple(kept)
