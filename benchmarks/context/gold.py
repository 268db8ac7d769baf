"""Which definitions a held-out line needs, resolved by jedi on the complete file.

    python benchmarks/context/gold.py django==5.2.8 --n-lines 100

For each repository: random body lines of its own (non-test) modules that name at least one thing defined in
another file of the repository. Lines are drawn with a fixed seed; the answer is kept in `.bench/gold/`.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import jedi
from jedi.api.environment import InterpreterEnvironment
from repositories import BENCH, fetch

from devstral_ls.context.columns import is_test_path
from devstral_ls.context.names import IDENTIFIER
from devstral_ls.context.outline import Kind
from devstral_ls.context.syntax import read_outline

SEED = 20261123
MAX_LINES = 2_400  # drawn from a repository, spread over its files
MAX_FILE_CHARACTERS = 200_000
MAX_SECONDS = 1_800  # of one repository; a slow machine must not shorten the list
SOURCE_FOLDERS = ("", "src", "lib")
LEFT_OUT_FOLDERS = {
    "docs",
    "doc",
    "examples",
    "example",
    "benchmarks",
    "bench",
    "typeshed",
    "site-packages",
    "_vendor",
    "third_party",
}


@dataclass(frozen=True, slots=True)
class Definition:
    """Something that the held-out line names, in another file."""

    path: str
    line: int  # 0-based
    name: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A line and what it needs."""

    path: str
    line: int
    gold: tuple[Definition, ...]


def gold_of(requirement: str, n_lines: int) -> list[HeldOut]:
    """The held-out lines of a repository, from the kept answer when there is one."""
    kept = BENCH / "gold" / f"{requirement}.json"
    if kept.exists():
        return [_from_json(row) for row in json.loads(kept.read_text())][:n_lines]
    return _kept(kept, list(_draw(fetch(requirement), n_lines)))


def completed(requirement: str, n_lines: int) -> list[HeldOut]:
    """The same, and where a slow machine found fewer than that, more of them from where it stopped."""
    found = gold_of(requirement, n_lines)
    if n_lines <= len(found):
        return found
    more = _draw(fetch(requirement), n_lines - len(found), after=found[-1] if found else None)
    return _kept(BENCH / "gold" / f"{requirement}.json", [*found, *more])


def _kept(file: Path, found: list[HeldOut]) -> list[HeldOut]:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(each) for each in found], indent=0))
    return found


def source_files(root: Path) -> list[str]:
    """The Python files of a repository that are its own code."""
    paths = (file.relative_to(root) for file in sorted(root.rglob("*.py")))
    return [path.as_posix() for path in paths if LEFT_OUT_FOLDERS.isdisjoint(path.parts)]


def _draw(root: Path, n_lines: int, after: HeldOut | None = None) -> Iterator[HeldOut]:
    rng = random.Random(SEED)
    _set_up_jedi()
    project = jedi.Project(
        root.resolve(), sys_path=[str((root / f).resolve()) for f in SOURCE_FOLDERS], smart_sys_path=False
    )
    paths = [path for path in source_files(root) if not is_test_path(path)]
    n_a_file = max(3, MAX_LINES // max(1, len(paths)))
    places = [place for path in paths for place in _lines(root, path, rng, n_a_file)]
    rng.shuffle(places)
    if after is not None:
        del places[: places.index((after.path, after.line)) + 1]
    n_found, deadline_s = 0, time.monotonic() + MAX_SECONDS
    for path, line in places:
        if n_lines <= n_found or deadline_s < time.monotonic():
            return
        gold = tuple(sorted(set(_definitions(root, project, path, line)), key=lambda d: (d.path, d.line, d.name)))
        if gold:
            n_found += 1
            yield HeldOut(path, line, gold)


def _lines(root: Path, path: str, rng: random.Random, n_lines: int) -> list[tuple[str, int]]:
    """A few body lines of one file."""
    text = (root / path).read_text("utf-8", errors="replace")
    if MAX_FILE_CHARACTERS < len(text):
        return []
    lines = text.split("\n")
    inside = {
        line
        for symbol in read_outline(text, "python").symbols
        if symbol.kind == Kind.FUNCTION
        for line in range(symbol.first_line + 1, symbol.last_line + 1)
    }
    fit = [line for line in sorted(inside) if line < len(lines) and _is_code(lines[line])]
    return [(path, line) for line in rng.sample(fit, min(n_lines, len(fit)))]


def _is_code(line: str) -> bool:
    stripped = line.strip()
    return (
        len(stripped) > 8
        and not stripped.startswith(("#", '"', "'", "import ", "from ", "@", "...", ">>>"))
        and "(" in line
    )


def _definitions(root: Path, project: jedi.Project, path: str, line: int) -> Iterator[Definition]:
    file = (root / path).resolve()
    text = file.read_text("utf-8", errors="replace")
    script = jedi.Script(text, path=file, project=project, environment=InterpreterEnvironment())
    code = text.split("\n")[line]
    for match in IDENTIFIER.finditer(code):
        try:
            names = script.goto(line + 1, match.start(), follow_imports=True)
        except Exception:  # noqa: BLE001  jedi fails on some texts; those names are no gold
            continue
        for name in names[:1]:
            if name.module_path is None or name.line is None or name.type in {"module", "param", "namespace"}:
                continue
            if name.module_path != file and name.module_path.is_relative_to(root.resolve()):
                yield Definition(name.module_path.relative_to(root.resolve()).as_posix(), name.line - 1, name.name)


def _set_up_jedi() -> None:
    jedi.settings.dynamic_params = False
    jedi.settings.dynamic_params_for_other_modules = False
    jedi.settings.dynamic_array_additions = False


def _from_json(row: dict) -> HeldOut:
    return HeldOut(row["path"], row["line"], tuple(Definition(**each) for each in row["gold"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requirements", nargs="+")
    parser.add_argument("--n-lines", type=int, default=100)
    arguments = parser.parse_args()
    for requirement in arguments.requirements:
        found = completed(requirement, arguments.n_lines)
        print(f"{requirement}: {len(found)} lines, {sum(len(each.gold) for each in found)} definitions", flush=True)


if __name__ == "__main__":
    main()
