"""How often *Write a test* comes to a test that passes: `python benchmarks/fixes/written_tests.py [--each N]`.

Functions at the left margin of real packages, in a copy of each package that is trusted, without a model and without
the packages' own tests, which wheels do not hold. What the functions do while they are tried runs under the guard of
`checkers/rehearsed.py`; a function that asks for more is refused there, which counts here as not written.
"""

import argparse
import ast
import os
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from packages import HELD_OUT, SEEN, Package, load_package, mutable
from record import percentile, record

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Project, Ruff
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.code_actions import Asked, Offer, offers, resolve
from devstral_ls.features.fixes import Tools
from devstral_ls.features.grammar import grammar
from devstral_ls.features.python_tree import parse
from devstral_ls.text import Document, Span

PACKAGES = {
    name: {**SEEN, **HELD_OUT}[name] for name in ("packaging", "click", "jinja2", "rich", "werkzeug", "tomlkit")
}
KIND = "refactor.rewrite.test"
_CASES = re.compile(r"(\d+) cases?,")


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one offer: the number of cases, or why there is no test."""

    n_cases: int
    why_not: str
    elapsed_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=15, help="functions of each package that are tried")
    each = parser.parse_args().each
    os.environ["VIRTUAL_ENV"] = sys.prefix  # as in a shell whose environment is active
    rows: list[Tried] = []
    n_functions = n_offered = 0
    figures: dict[str, Any] = {}
    for name, version in PACKAGES.items():
        package = load_package(name, version)
        places = functions(package)
        offered = [found for found in (offer_at(package, *place) for place in places) if found is not None]
        chosen = random.Random(name).sample(offered, min(each, len(offered)))
        tried = [outcome(*one) for one in chosen]
        figures[f"{name}-{version}"] = {"functions": len(places), "offered": len(offered), **summary(tried)}
        print(name, figures[f"{name}-{version}"], flush=True)
        rows += tried
        n_functions, n_offered = n_functions + len(places), n_offered + len(offered)
    whole = {"functions": n_functions, "offered": n_offered, **summary(rows), "why_not": why_not(rows)}
    print(record("fixes_written_tests", {**figures, "all": whole}).read_text("utf-8"))


def functions(package: Package) -> list[tuple[Document, int]]:
    """Every function at the left margin, as a cursor on its first line."""
    return [
        (document, document.lines.line_start(node.lineno - 1))
        for document in mutable(package)
        if (tree := parse(document.text))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    ]


def offer_at(package: Package, document: Document, offset: int) -> tuple[Offer, Document, Tools] | None:
    folder = document.path.rpartition("/")[0]
    beside = [each for each in package.documents if each.path.rpartition("/")[0] == folder and each != document]
    project = Project(package.root.absolute(), is_trusted=True)
    tools = Tools(checkers=(Ruff(), grammar()), neighbours=beside, project=project)
    asked = Asked(document=document, span=Span(offset, offset), only=(KIND,))
    found = offers(asked, tools, CancelToken())
    return (found[0], document, tools) if found else None


def outcome(offer: Offer, document: Document, tools: Tools) -> Tried:
    start_s = time.perf_counter()
    n_cases, why = 0, ""
    try:
        done = resolve(offer, document, tools, None)
        counted = _CASES.search(done.title) if done else None
        n_cases, why = (int(counted[1]), "") if counted else (0, "nothing")
    except CheckerFailed as error:
        why = str(error).partition(": ")[2]
    return Tried(n_cases, why, (time.perf_counter() - start_s) * 1e3)


def summary(rows: Sequence[Tried]) -> dict[str, Any]:
    written = [row for row in rows if not row.why_not]
    times = [row.elapsed_ms for row in rows]
    return {
        "tried": len(rows),
        "written": round(len(written) / len(rows), 3) if rows else None,
        "cases_p50": statistics.median(row.n_cases for row in written) if written else None,
        "ms_p50": round(percentile(times, 50)) if rows else None,
        "ms_p95": round(percentile(times, 95)) if rows else None,
    }


def why_not(rows: Sequence[Tried]) -> dict[str, int]:
    """Reasons without the names in them."""
    kinds = ("cannot be imported", "gives a value", "fails", "did not answer", "would be wrong")
    found = (next((kind for kind in kinds if kind in row.why_not), "other") for row in rows if row.why_not)
    return dict(Counter(found).most_common())


if __name__ == "__main__":
    main()
