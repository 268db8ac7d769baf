"""Fixes outside of Python: a deleted bracket or mark in JavaScript and TypeScript, a misspelt name judged by tsc.

python benchmarks/fixes/other_languages.py          needs npm and node
python benchmarks/fixes/other_languages.py --tsc    misspelt names instead; tsc looks at a package for each candidate
"""

import argparse
import random
import re
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from record import record

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Checker, Declared, Problem, declarations_of
from devstral_ls.context.syntax import count_errors
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.fixes import Fix, Tools, find_fix
from devstral_ls.features.grammar import grammar
from devstral_ls.features.verification import examine
from devstral_ls.text import Document, Edit, Span, apply_edits, smallest_edit

FOLDER = Path(".bench/fixes/npm")
TYPESCRIPT = "typescript@5.6.3"
# Packages that ship what their authors wrote: the folder and the language.
PACKAGES = {
    "express@4.21.2": ("lib", "javascript"),
    "commander@12.1.0": ("lib", "javascript"),
    "fastify@5.2.0": ("lib", "javascript"),
    "rxjs@7.8.1": ("src/internal", "typescript"),
    # Never looked at while building.
    "koa@2.15.3": ("lib", "javascript"),
    "immer@10.1.1": ("src", "typescript"),
}
JUDGED_BY_TSC = ("koa@2.15.3", "immer@10.1.1")
SUFFIXES = {"javascript": ".js", "typescript": ".ts"}
BRACKETS, MARKS = "()[]{}", ",:;"
N_BRACKETS, N_MARKS, N_NAMES = 25, 10, 5  # in each package
MIN_CHARACTERS, MAX_CHARACTERS = 800, 40_000
MAX_TRIES = 4000
NAME = re.compile(r"(?<![\w.])[a-z]\w{5,}(?=[(.;,)])")
NODE = {
    "name": "node",
    "languages": ["javascript"],
    "command": ["node", "--check", "{file}"],
    "pattern": r"^(?P<file>/[^:\n]+):(?P<line>\d+)\n(?:.*\n)*?(?P<message>SyntaxError: .*)$",
    "deadline_ms": 60_000,
}
TSC = {
    "name": "tsc",
    "languages": ["typescript", "javascript"],
    "input": "project",
    "command": ["tsc", "--noEmit", "--pretty", "false", "-p", "{folder}"],
    "pattern": r"^(?P<file>[^(\n]+)\((?P<line>\d+),(?P<column>\d+)\): "
    r"(?P<severity>error) (?P<code>TS\d+): (?P<message>.*)$",
    "deadline_ms": 120_000,
}
# JavaScript is checked without knowing what node brings along, so `require` and its like are wrong before and after.
TSCONFIG_OF_JAVASCRIPT = """{"compilerOptions": {"allowJs": true, "checkJs": true, "noEmit": true, "target": "es2022",
"module": "commonjs", "moduleResolution": "node", "skipLibCheck": true, "types": []}, "include": ["lib"]}
"""
TSCONFIG = """{"compilerOptions": {"strict": true, "noEmit": true, "target": "es2019", "module": "es2015",
"moduleResolution": "node", "skipLibCheck": true, "types": [], "lib": ["es2019", "dom"]}, "include": ["src"]}
"""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One character that was deleted, or one name that lost a letter."""

    original: Document
    mutated: Document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tsc", action="store_true", help="misspelt names instead, with tsc as a declared checker")
    if parser.parse_args().tsc:
        print(record("fixes_by_tsc", misspelt_names()).read_text("utf-8"))
        return
    figures: dict[str, Any] = {}
    for package, (folder, language) in PACKAGES.items():
        root = fetched(package)
        documents = texts(root, folder, language)
        for kind, marks, n in (("brackets", BRACKETS, N_BRACKETS), ("marks", MARKS, N_MARKS)):
            rows = [judged(each, root) for each in deletions(documents, marks, n, seed=package)]
            figures[f"{package} {kind}"] = summary(rows)
            print(package, kind, figures[f"{package} {kind}"], flush=True)
    print(record("fixes_other_languages", figures).read_text("utf-8"))


def misspelt_names() -> dict[str, Any]:
    """Only those that tsc sees count; how many it does not see is told."""
    figures: dict[str, Any] = {}
    for package in JUDGED_BY_TSC:
        folder, language = PACKAGES[package]
        root = fetched(package)
        rows = [by_tsc(each, root) for each in misspellings(texts(root, folder, language), N_NAMES, seed=package)]
        seen = [each for each in rows if each is not None]
        unseen = len(rows) - len(seen)
        figures[package] = {**(summary(seen) if seen else {"n": 0}), "not_seen_by_tsc": unseen}
        print(package, figures[package], flush=True)
    return figures


def fetched(package: str) -> Path:
    """The unpacked package; nothing of it is installed or run, except that tsc reads it."""
    root = FOLDER / package
    if not root.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=FOLDER, check=True, capture_output=True, text=True
        )
        with tarfile.open(FOLDER / done.stdout.split()[-1]) as packed:
            packed.extractall(root, filter="data")
    return (root / "package").absolute()


def texts(root: Path, folder: str, language: str) -> list[Document]:
    paths = sorted((root / folder).rglob(f"*{SUFFIXES[language]}"))
    found = (
        Document(path.as_uri(), path.read_text("utf-8"), language_id=language, path=path.relative_to(root).as_posix())
        for path in paths
    )
    return [
        each
        for each in found
        if MIN_CHARACTERS < len(each.text) < MAX_CHARACTERS and count_errors(each.text, language) == 0
    ]


def deletions(documents: Sequence[Document], marks: str, n: int, *, seed: str) -> Iterator[Mutation]:
    """Up to `n` deletions of one of `marks` that the grammar sees; those in strings and comments it does not."""
    rng = random.Random(f"{seed} {marks}")
    for _ in range(MAX_TRIES):
        document = rng.choice(documents)
        places = [at for at, character in enumerate(document.text) if character in marks]
        if not places or n == 0:
            continue
        at = rng.choice(places)
        text = apply_edits(document.text, [Edit(Span(at, at + 1), "")])
        if count_errors(text, document.language_id):
            n -= 1
            yield Mutation(document, replace(document, text=text))


def misspellings(documents: Sequence[Document], n: int, *, seed: str) -> Iterator[Mutation]:
    """Names that lost one letter, each in another place; whether a checker sees them is asked later."""
    rng = random.Random(f"{seed} names")
    for document in rng.choices(documents, k=n):
        names = [each for each in NAME.finditer(document.text) if not is_comment(document, each.start())]
        if names:
            name = rng.choice(names)
            at = rng.randrange(name.start() + 1, name.end())
            yield Mutation(document, replace(document, text=apply_edits(document.text, [Edit(Span(at, at + 1), "")])))


def is_comment(document: Document, offset: int) -> bool:
    return document.line_text(document.lines.line_of(offset)).lstrip().startswith(("*", "/*", "//"))


def judged(mutation: Mutation, root: Path) -> dict[str, Any]:
    """The fix that the grammar proves; node, which had no say, is asked about it afterwards."""
    tools = Tools(checkers=(grammar(),))
    (problem, *_) = examine(mutation.mutated, tools.checkers).problems
    row = tried(mutation, problem, tools)
    if mutation.original.language_id == "javascript" and row["text"] is not None:
        node = declared(NODE, root)
        row["is_rejected"] = bool(said(node, replace(mutation.original, text=row["text"])))
        row["node_saw_original"] = bool(said(node, mutation.original))
    return row


def by_tsc(mutation: Mutation, root: Path) -> dict[str, Any] | None:
    """The same, with tsc as the judge, as somebody who declared it sees it; None where tsc does not see the mistake."""
    tsc = declared({**TSC, "command": [compiler(root), *TSC["command"][1:]]}, root)
    tools = Tools(checkers=(grammar(), tsc), deadline_ms=120_000)
    edit = smallest_edit(mutation.original.text, mutation.mutated.text)
    assert edit is not None
    near = [each for each in said(tsc, mutation.mutated) if not each.is_elsewhere]
    here = [each for each in near if each.span.start <= edit.span.start <= each.span.end]
    return tried(mutation, here[0], tools) if here else None


def compiler(root: Path) -> str:
    """The compiler in a folder of its own, and a project file for the package."""
    program = (FOLDER / "tsc/node_modules/.bin/tsc").absolute()
    if not program.exists():
        install = ["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(FOLDER / "tsc"), TYPESCRIPT]
        subprocess.run(install, check=True)
    is_typescript = (root / "src").is_dir()
    (root / "tsconfig.json").write_text(TSCONFIG if is_typescript else TSCONFIG_OF_JAVASCRIPT)
    return str(program)


def tried(mutation: Mutation, problem: Problem, tools: Tools) -> dict[str, Any]:
    start_s = time.perf_counter()
    fix: Fix | None = find_fix(mutation.mutated, problem, tools, CancelToken())
    elapsed_ms = (time.perf_counter() - start_s) * 1e3
    text = None if fix is None else apply_edits(mutation.mutated.text, fix.edits)
    is_equal = text is not None and "".join(text.split()) == "".join(mutation.original.text.split())
    return {"text": text, "is_proven": fix is not None, "is_equal": is_equal, "elapsed_ms": elapsed_ms}


def declared(given: dict[str, Any], root: Path) -> Declared:
    (declaration,), problems = declarations_of([given])
    assert not problems, problems
    return Declared(declaration, root)


def said(checker: Checker, document: Document) -> list[Problem]:
    try:
        return checker.check(document)
    except CheckerFailed as error:
        sys.exit(str(error))


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares of all mutations; `rejected` counts proven texts in which node sees an error, not seen in the original."""
    times = sorted(row["elapsed_ms"] for row in rows)
    asked = [row for row in rows if "is_rejected" in row and not row["node_saw_original"]]
    return {
        "n": len(rows),
        "proven": round(sum(row["is_proven"] for row in rows) / len(rows), 3),
        "equal": round(sum(row["is_equal"] for row in rows) / len(rows), 3),
        "asked_node": len(asked),
        "rejected_by_node": sum(row["is_rejected"] for row in asked),
        "ms_p50": round(statistics.median(times)),
        "ms_p95": round(times[int(0.95 * (len(times) - 1))]),
    }


if __name__ == "__main__":
    main()
