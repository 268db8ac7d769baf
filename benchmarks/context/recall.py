"""How many of the definitions that a held-out line needs are in the context, by budget and by method.

    python benchmarks/context/recall.py --write context_recall        # all repositories, all methods
    python benchmarks/context/recall.py --write context_recall --repositories jedi==0.19.2      # only its rows
    python benchmarks/context/recall.py --only ours --repositories jedi==0.19.2

The line is cut out of its file, and with it everything that the index knows of the file on disk; in the
strict form the imports that only this line uses are cut out too. A definition counts as found when the pack
shows its signature. No model is involved; tokens are counted by a fixed stand-in tokenizer (see `tokens_of`).

Of what is shown, what the complete file never names is noise (`n_shown` and `n_named` are all packs of a row
together). `packs.py` looks at the packs themselves.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from gold import Definition, HeldOut, gold_of, source_files
from record import RESULTS, git, record
from repositories import HELD_OUT, TUNED, fetch

from devstral_ls.context.columns import Columns, build_columns
from devstral_ls.context.files import language_of
from devstral_ls.context.imports import resolve_imports
from devstral_ls.context.outline import Outline
from devstral_ls.context.pack import Candidate, candidates, choose
from devstral_ls.context.query import Query, query_at
from devstral_ls.context.rank import rank
from devstral_ls.context.reading import users
from devstral_ls.context.records import Record, SourceText, read_record
from devstral_ls.context.tiers import Reader, Worth
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.text import Document, Place

BUDGETS = (512, 1024, 2048, 4096, 8192, 32_768, 131_072)
N_LINES = 120
Shown = set[tuple[str, int]]  # path and line
_TOKEN = re.compile(r"\n[ \t]*| ?[^\W\d]{1,7}|[^\W\d]{1,7}| ?\d{1,3}| ?[^\w\s]{1,3}|\s+")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as the index sees it."""

    root: Path
    texts: dict[str, str]
    records: dict[str, Record]
    columns: Columns
    derived: dict[Hashable, Any] = field(default_factory=dict)  # what methods keep of it from case to case


@dataclass(frozen=True, slots=True)
class Case:
    """A held-out line: the text without it, and the cursor where it was."""

    held_out: HeldOut
    place: Place
    record: Record
    query: Query


# Ranks once for a case; the answer says what is shown within a budget.
Method = Callable[[Case, Repository], Callable[[int], Shown]]


def tokens_of(text: str) -> int:
    """A stand-in for a code tokenizer: names in pieces of seven letters, numbers of three digits, indents whole."""
    return len(_TOKEN.findall(text))


COUNTS = TokenCounts().use(tokens_of)


def open_repository(requirement: str) -> Repository:
    root = fetch(requirement)
    texts = {path: (root / path).read_text("utf-8", errors="replace") for path in source_files(root)}
    records = {path: read_record(text, "python") for path, text in texts.items()}
    return Repository(root, texts, records, build_columns(records))


def case_of(held_out: HeldOut, repository: Repository, *, strict: bool) -> Case:
    """The query at a held-out line; it sees nothing of that line."""
    lines = repository.texts[held_out.path].split("\n")
    needed = set(re.findall(r"[^\W\d]\w*", lines[held_out.line]))
    indent = len(lines[held_out.line]) - len(lines[held_out.line].lstrip())
    lines[held_out.line] = " " * indent
    if strict:
        _cut_imports(lines, needed, repository.records[held_out.path])
    text = "\n".join(lines)
    document = Document(uri=held_out.path, text=text, language_id=language_of(held_out.path), path=held_out.path)
    place = Place(document, document.lines.line_start(held_out.line) + indent)
    record = read_record(text, language_of(held_out.path))
    source = SourceText(held_out.path, record)
    sources = {path: SourceText(path, each) for path, each in repository.records.items()}
    targets = [target for target in resolve_imports(source, sources.get) if target.source.path != held_out.path]
    return Case(held_out, place, record, query_at(place, record.outline, record.names, targets))


def _cut_imports(lines: list[str], needed: set[str], record: Record) -> None:
    """Remove imports that bind a needed name which nothing else in the text uses."""
    text = "\n".join(lines)
    for written in record.outline.imports:
        name = written.bound_name
        if name not in needed or 1 < len(re.findall(rf"\b{re.escape(name)}\b", text)):
            continue
        for line in range(written.line, min(written.line + 60, len(lines))):
            if re.search(rf"\b{re.escape(name)}\b", lines[line]):
                lines[line] = re.sub(rf"\b(\w+ as )?{re.escape(name)}\b\s*,?", "", lines[line])
                if re.fullmatch(r"\s*(from \S+ )?import\s*", lines[line]):
                    lines[line] = ""
                break


def ours(case: Case, repository: Repository) -> Callable[[int], Shown]:
    packed = our_packs(case, repository)
    return lambda budget_tokens: shown_by(packed(budget_tokens))


def our_packs(case: Case, repository: Repository, worth: Worth | None = None) -> Callable[[int], list[Candidate]]:
    """What we show within a budget: signatures, or as much more of them as is worth it."""
    ranking = rank(case.query, repository.columns)
    wanted = list(candidates(repository.columns, ranking, (case.held_out.path,)))
    reader = None if worth is None else _reader(case, repository, worth)
    return lambda budget_tokens: choose(wanted, budget_tokens, COUNTS, reader)


def _reader(case: Case, repository: Repository, worth: Worth) -> Reader:
    def users_of(path: str, outline: Outline, symbol: int) -> Iterator[tuple[str, Outline]]:
        for other in users(repository.columns, path, outline, symbol):
            if other not in (path, case.held_out.path):
                yield other, repository.records[other].outline

    return Reader(worth, lambda path, _: repository.texts[path], users_of)


def shown_by(chosen: Sequence[Candidate]) -> Shown:
    """The lines on which shown symbols are defined, their classes included."""
    shown: Shown = set()
    for each in chosen:
        index = each.symbol
        while 0 <= index:
            shown.add((each.path, each.outline.symbols[index].first_line))
            index = each.outline.symbols[index].parent
    return shown


def acceptable(gold: Definition, repository: Repository) -> Shown:
    """The line of a definition, and of the others of the same name in the same class: a property and its setter."""
    symbols = repository.records[gold.path].outline.symbols
    same_name = [each for each in symbols if each.name == gold.name]
    owners = {each.parent for each in same_name if each.first_line == gold.line} or {
        each.parent
        for each in same_name
        if 0 <= each.parent and symbols[each.parent].first_line <= gold.line <= symbols[each.parent].last_line
    }
    return {(gold.path, gold.line)} | {(gold.path, each.first_line) for each in same_name if each.parent in owners}


def recall(method: Method, cases: Sequence[Case], repository: Repository) -> np.ndarray:
    """[n_budgets, 4]: found and needed definitions; shown ones, and those of them that the complete file names."""
    names = {
        (path, symbol.first_line): symbol.name
        for path, record in repository.records.items()
        for symbol in record.outline.symbols
    }
    found = np.zeros((len(BUDGETS), 4), int)
    for case in cases:
        shown_within = method(case, repository)
        needed = [acceptable(each, repository) for each in case.held_out.gold]
        named = repository.records[case.held_out.path].names
        for row, budget_tokens in enumerate(BUDGETS):
            shown = shown_within(budget_tokens)
            defined = [names[line] for line in shown if line in names]
            n_found = sum(not shown.isdisjoint(each) for each in needed)
            found[row] += (n_found, len(needed), len(defined), sum(name in named for name in defined))
    return found


def main() -> None:
    from baselines import BASELINES  # noqa: PLC0415  they are written in terms of this module

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=["ours", *BASELINES])
    parser.add_argument("--repositories", nargs="*", default=[*TUNED, *HELD_OUT])
    parser.add_argument("--n-lines", type=int, default=N_LINES)
    parser.add_argument("--write", metavar="NAME", help="Keep the rows as benchmarks/results/NAME.json")
    arguments = parser.parse_args()
    methods = {name: method for name, method in {"ours": ours, **BASELINES}.items() if name in arguments.only}

    def is_measured(row: dict[str, Any]) -> bool:
        return row["repository"] in arguments.repositories and row["method"] in methods

    rows = other_rows(arguments.write, is_measured) if arguments.write else []
    for requirement in arguments.repositories:
        repository = open_repository(requirement)
        for form in ("plain", "strict"):
            held_out = gold_of(requirement, arguments.n_lines)
            cases = [case_of(each, repository, strict=form == "strict") for each in held_out]
            for name, method in methods.items():
                found = recall(method, cases, repository)
                rows.append(_row(requirement, form, name, len(cases), found))
                shares = " ".join(f"{100 * n / max(1, needed):5.1f}" for n, needed, _, _ in found)
                print(f"{requirement:20} {form:6} {name:10} {len(cases):4} {shares}", flush=True)
        if arguments.write:
            record(arguments.write, {"budgets": BUDGETS, "rows": rows})


def other_rows(name: str, is_measured: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The rows that are there already and are not measured now: together they take hours."""
    kept = RESULTS / f"{name}.json"
    rows = json.loads(kept.read_text("utf-8"))["figures"]["rows"] if kept.exists() else []
    return [row for row in rows if not is_measured(row)]


def _row(requirement: str, form: str, name: str, n_lines: int, found: np.ndarray) -> dict[str, Any]:
    return {
        "repository": requirement,
        "commit": git("rev-parse", "--short", "HEAD"),
        "is_tuned": requirement in TUNED,
        "form": form,
        "method": name,
        "n_lines": n_lines,
        "n_found": found[:, 0].tolist(),
        "n_needed": int(found[0, 1]),
        "n_shown": found[:, 2].tolist(),
        "n_named": found[:, 3].tolist(),
    }


if __name__ == "__main__":
    sys.modules["recall"] = sys.modules["__main__"]  # the baselines import this very module
    main()
