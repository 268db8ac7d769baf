"""Recall for JavaScript, TypeScript, Rust and Go, where no resolver says what a name means.

    python benchmarks/context/other_languages.py        # all sources that are there, written to results/

What a held-out line needs are its identifiers that have exactly one definition in the repository, in another file:
few names qualify, and those that do are certain. The sources are npm and Debian packages; each is fetched with its
own client into `.bench/others/` (`npm pack`, `apt-get download` and `dpkg-deb -x`).
"""

import argparse
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from baselines import BASELINES
from gold import Definition, HeldOut
from recall import BUDGETS, Repository, case_of, other_rows, ours, recall
from record import record
from repositories import BENCH

from devstral_ls.context.columns import build_columns, is_test_path
from devstral_ls.context.files import language_of
from devstral_ls.context.outline import Kind
from devstral_ls.context.records import read_record

SEED = 20261123
N_LINES = 100
RESULT = "context_recall_languages"
MAX_FILE_CHARACTERS = 300_000
SOURCES = {  # folder in `.bench/others/`, the part of it that is source, and the languages read
    "zod-4.1.12": ("package/src", {"typescript"}),
    "eslint-9.38.0": ("package/lib", {"javascript"}),
    "webpack-5.102.1": ("package/lib", {"javascript"}),
    "librust-tokio-dev_1.24.2-1_amd64": ("", {"rust"}),
    "librust-rustls-dev_0.20.8-4_all": ("", {"rust"}),
    "librust-syn-dev_1.0.107-1_amd64": ("", {"rust"}),
    "golang-google-grpc-dev_1.33.3-2_all": ("", {"go"}),
    "golang-github-prometheus-client-golang-dev_1.14.0-3_all": ("", {"go"}),
    "golang-github-gin-gonic-gin-dev_1.8.1-1_all": ("", {"go"}),
}
_NAME = re.compile(r"[^\W\d]\w{2,}")
_TEXT = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|//.*")


def open_source(name: str) -> Repository:
    """A package as the index sees it."""
    below, languages = SOURCES[name]
    root = BENCH / "others" / name / below
    texts = {
        path: text
        for file in sorted(root.rglob("*"))
        if file.is_file() and not file.is_symlink()
        for path in [file.relative_to(root).as_posix()]
        if language_of(path) in languages and not path.endswith(".d.ts") and not _is_test(path)
        for text in [file.read_text("utf-8", errors="replace")]
        if len(text) < MAX_FILE_CHARACTERS
    }
    records = {path: read_record(text, language_of(path)) for path, text in texts.items()}
    return Repository(root, texts, records, build_columns(records))


def _is_test(path: str) -> bool:
    return is_test_path(path) or path.endswith("_test.go")


def held_out_lines(repository: Repository) -> Iterator[HeldOut]:
    """Lines inside functions that name something with its only definition in another file."""
    only = _only_definitions(repository)
    places = [
        (path, line)
        for path, each in repository.records.items()
        for symbol in each.outline.symbols
        if symbol.kind == Kind.FUNCTION
        for line in range(symbol.first_line + 1, symbol.last_line)
    ]
    random.Random(SEED).shuffle(places)
    lines = {path: text.split("\n") for path, text in repository.texts.items()}
    for path, line in places:
        code = _TEXT.sub("", lines[path][line])
        if code.lstrip().startswith(("*", "/*", "#", "import ", "use ")):
            continue
        gold = {only[name] for name in _NAME.findall(code) if name in only and only[name].path != path}
        if gold:
            yield HeldOut(path, line, tuple(sorted(gold, key=lambda each: (each.path, each.line))))


def _only_definitions(repository: Repository) -> dict[str, Definition]:
    """Names with one definition; a Rust type and its `impl` blocks in the same file are one."""
    found: dict[str, list[Definition]] = defaultdict(list)
    for path, each in repository.records.items():
        for symbol in each.outline.symbols:
            found[symbol.name].append(Definition(path, symbol.first_line, symbol.name))
    return {name: where[0] for name, where in found.items() if len({each.path for each in where}) == 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=["ours", *BASELINES])
    parser.add_argument("--sources", nargs="*", default=list(SOURCES))
    parser.add_argument("--write", action="store_true", help="Keep the rows as results/context_recall_languages.json")
    arguments = parser.parse_args()

    def is_measured(row: dict[str, Any]) -> bool:
        return row["source"] in arguments.sources and row["method"] in arguments.only

    rows = other_rows(RESULT, is_measured) if arguments.write else []
    for name in arguments.sources:
        repository = open_source(name)
        held_out = [each for each, _ in zip(held_out_lines(repository), range(N_LINES), strict=False)]
        for form in ("plain", "strict"):
            cases = [case_of(each, repository, strict=form == "strict") for each in held_out]
            for method in arguments.only:
                found = recall({"ours": ours, **BASELINES}[method], cases, repository)
                rows.append({
                    "source": name,
                    "languages": sorted(SOURCES[name][1]),
                    "form": form,
                    "method": method,
                    "n_lines": len(cases),
                    "n_found": found[:, 0].tolist(),
                    "n_needed": int(found[0, 1]),
                    "n_shown": found[:, 2].tolist(),
                    "n_named": found[:, 3].tolist(),
                })  # fmt: skip
                shares = " ".join(f"{100 * n / max(1, needed):5.1f}" for n, needed, _, _ in found)
                print(f"{name:56} {form:6} {method:9} {len(cases):4} {shares}", flush=True)
        if arguments.write:
            record(RESULT, {"budgets": BUDGETS, "rows": rows})


if __name__ == "__main__":
    main()
