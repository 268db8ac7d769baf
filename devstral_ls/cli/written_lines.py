"""Cursor positions from a repository's history: the file as it was when a line was added, and what was typed next."""

import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.errors import UsageError
from devstral_ls.features.holes import MIN_LINE_CHARACTERS, Hole, Kind
from devstral_ls.features.shape import opens_block
from devstral_ls.text import Document, Place

N_COMMITS = 400
GIT_LIMIT_S = 60
MAX_HUNKS_PER_FILE = 2  # of one commit
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that a commit added to a file, counted from 0."""

    commit: str
    path: str
    first: int
    n_lines: int


def holes_in_history(repository: Path, rng: random.Random, n_holes: int) -> list[Hole]:
    """One hole for each hunk of the last commits, drawn at random: a line of it, with nothing of what came later."""
    top = Path(_git(repository, "rev-parse", "--show-toplevel").strip())
    hunks = list(_hunks(_git(repository, *_LOG)))
    rng.shuffle(hunks)
    found: list[Hole] = []
    seen: dict[tuple[str, str], int] = {}
    for hunk in hunks:
        key = (hunk.commit, hunk.path)
        seen[key] = seen.get(key, 0) + 1
        if len(found) < n_holes and seen[key] <= MAX_HUNKS_PER_FILE:
            text = _git(repository, "show", f"{hunk.commit}:{hunk.path}")
            hole = _hole(top, hunk, text, rng)
            found += [hole] if hole is not None else []
    return found


_LOG = (
    "log",
    f"-{N_COMMITS}",
    "--no-merges",
    "--no-renames",
    "--diff-filter=AM",
    "--unified=0",
    "--no-textconv",
    "--no-ext-diff",
    "--format=#%H",
    "-p",
    "--",
    ".",
)


def _hunks(log: str) -> Iterator[Hunk]:
    commit = path = ""
    for line in log.split("\n"):
        if line.startswith("#"):
            commit = line[1:]
        elif line.startswith("+++ "):
            path = line.removeprefix("+++ b/")
        elif (found := _HUNK.match(line)) and path.endswith(".py"):
            n_lines = int(found[2] or 1)
            if n_lines:
                yield Hunk(commit, path, int(found[1]) - 1, n_lines)


def _hole(top: Path, hunk: Hunk, text: str, rng: random.Random) -> Hole | None:
    """A line of the hunk, with the lines before it and without those behind it."""
    lines = text.split("\n")
    last = hunk.first + hunk.n_lines
    worth = [line for line in range(hunk.first, min(last, len(lines))) if _is_code(lines[line])]
    if not worth:
        return None
    line = rng.choice(worth)
    content = lines[line]
    n_typed = len(content) - len(content.lstrip())
    kind = Kind.BLOCK_START if line and opens_block(lines[line - 1]) else Kind.NEW_LINE
    ends = [
        found.end() for found in re.finditer(r"(?<=[\w(=,]) ?", content) if n_typed < found.end() < len(content) - 3
    ]
    if ends and rng.random() < 0.5:
        n_typed, kind = rng.choice(ends), Kind.LINE_END
    before = "\n".join([*lines[:line], content[:n_typed]])
    after = "\n".join(["", *lines[last:]])
    uri = (top / hunk.path).as_uri()
    place = Place(Document(uri, before + after, path=hunk.path), len(before))
    return Hole(kind, place, content[n_typed:])


def _is_code(line: str) -> bool:
    code = line.strip()
    return MIN_LINE_CHARACTERS <= len(code) and not code.startswith(("#", '"', "'", "import ", "from "))


def _git(repository: Path, *words: str) -> str:
    # Nothing that the repository's own configuration names is run.
    settings = ("core.quotePath=false", "core.fsmonitor=false", "log.showSignature=false")
    command = ["git", "-C", str(repository), *(word for each in settings for word in ("-c", each)), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"the history of {repository} cannot be read: git {words[0]} failed") from error
    return done.stdout.decode("utf-8", "replace")
