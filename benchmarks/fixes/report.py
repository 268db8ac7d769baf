"""Tables from the rows of measure.py, and the record of them in `benchmarks/results/`."""

import json
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from mutations import KINDS
from packages import HELD_OUT, SEEN
from record import RESULTS, record

Row = dict[str, Any]
NAMES = {
    "ours": "Fix at the cursor, without a model",
    "model": "Fix at the cursor, the embedded model asked where nothing else is proven",
    "save": "`source.fixAll.devstral` on save",
    "ruff": "Baseline: ruff's own fixes, unsafe ones included",
    "pyright": "Baseline: basedpyright's quick fixes, those that only silence it left out",
}


def main() -> None:
    """Merge the rows of several runs, by half and solver; what was not measured anew keeps its figures."""
    rows: dict[str, list[Row]] = {}
    for name in sys.argv[1:]:
        for line in Path(name).read_text("utf-8").splitlines():
            row = json.loads(line)
            rows.setdefault(row["solver"], []).append(row)
    figures = json.loads((RESULTS / "fixes.json").read_text("utf-8"))["figures"]
    for half, packages in (("seen", SEEN), ("held_out", HELD_OUT)):
        for solver, found in rows.items():
            these = [row for row in found if row["package"] in packages]
            if these:
                figures[half][solver] = {**summary(these), "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M")}
    record("fixes", figures)
    (RESULTS / "fixes.md").write_text(page(figures), "utf-8")
    print(page(figures))


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in KINDS}
    return {kind: figures_of(these) for kind, these in {**kinds, "all": list(rows)}.items() if these}


def figures_of(rows: Sequence[Row]) -> dict[str, Any]:
    proven = [row for row in rows if row["is_proven"]]
    return {
        "n": len(rows),
        "offered": share(rows, "is_offered"),
        "proven": share(rows, "is_proven"),
        "equal": share(rows, "is_equal"),
        "n_proven_unlike_the_original": sum(not row["is_accepted"] for row in proven),
        "n_proven_that_made_a_problem": sum(0 < row["n_made"] for row in proven),
        "n_edited_p50": statistics.median([row["n_edited"] for row in proven] or [0]),
        "cpu_ms_p50": at(rows, "cpu_ms", 0.5),
        "cpu_ms_p95": at(rows, "cpu_ms", 0.95),
        "ms_p50": at(rows, "elapsed_ms", 0.5),
        "ms_p95": at(rows, "elapsed_ms", 0.95),
        "slack": max(row["slack"] for row in rows),
    }


def at(rows: Sequence[Row], fact: str, quantile: float) -> int:
    ordered = sorted(row[fact] for row in rows)
    return round(ordered[min(len(ordered) - 1, int(quantile * len(ordered)))])


def share(rows: Sequence[Row], fact: str) -> float:
    return round(sum(row[fact] for row in rows) / len(rows), 3)


def page(figures: dict[str, Any]) -> str:
    parts = ["# Fixes: single mistakes in real code", "", EXPLANATION]
    for half, words in (("held_out", "held out"), ("seen", "looked at while building")):
        for solver, name in NAMES.items():
            if solver in figures[half]:
                parts += ["", f"## {name}, packages {words}", "", table(figures[half][solver])]
    return "\n".join(parts) + "\n"


def table(kinds: dict[str, Any]) -> str:
    heads = ["mistake", "n", "offered", "proven", "equal", "made", "unlike", "edit p50", "ms p50", "ms p95"]
    lines = [f"| {' | '.join(heads)} |", f"|---{'|--:' * (len(heads) - 1)}|"]
    for kind, found in kinds.items():
        if kind == "measured":
            continue
        shares = [f"{100 * found[fact]:.0f} %" for fact in ("offered", "proven", "equal")]
        rest = [
            found["n_proven_that_made_a_problem"],
            found["n_proven_unlike_the_original"],
            f"{found['n_edited_p50']:.0f}",
            *((found["ms_p50"], found["ms_p95"]) if found["slack"] == 1 else ("-", "-")),
        ]
        lines.append(f"| {' | '.join(map(str, [kind.replace('_', ' '), found['n'], *shares, *rest]))} |")
    return "\n".join(lines)


EXPLANATION = """\
One mistake is made in a file of a pinned package, such that ruff or ty sees it; then its fix is asked for.
*Offered*: there is a candidate. *Proven*: the problem is gone and none is new, as the title of the fix says.
*Equal*: the text is the original's again, up to layout and the order of imports.
*Made*: of the proven ones, how many leave a problem that neither the text before the fix nor the original has.
*Unlike*: how many leave ruff or ty something to say that they do not say about the original, made or left over.
These are other guesses of what was meant, such as one of several names renamed: a proof compares with the text
before the fix, and cannot know the original.
*Edit*: characters removed and written.
*ms*: wall time of everything between the request and the proven edit, ty being warm, on a machine where nothing else
ran (a dash where other work did). The model's row of a mistake was measured right behind the one without it, so that it
finds the files of the project parsed already.
Rows of different runs may differ by a few mutations: what ty says of a text is asked anew in each."""


if __name__ == "__main__":
    main()
