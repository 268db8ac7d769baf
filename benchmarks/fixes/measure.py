"""How many mistakes in real code are fixed, proven and equal to the original, and how long it takes.

python benchmarks/fixes/measure.py seen      while building
python benchmarks/fixes/measure.py held-out  for the record
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from basedpyright import Basedpyright
from drawn import mutations_of
from mutations import Mutation
from packages import HELD_OUT, SEEN, Package, load_package
from ruff import find_ruff_bin

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem, Ruff, Ty, compare
from devstral_ls.context import Sources
from devstral_ls.engine import open_engine, resolve_bundle
from devstral_ls.engine.engine import Engine
from devstral_ls.features.candidates import Case, candidates_for, model
from devstral_ls.features.code_actions import fix_all
from devstral_ls.features.fixes import Fix, Tools, find_fix, fix_everything, line_edits
from devstral_ls.features.verification import examine, prove
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Edit, apply_edits, smallest_edit


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutation."""

    package: str
    kind: str
    path: str
    code: str
    is_offered: bool
    is_proven: bool
    is_equal: bool
    is_accepted: bool  # the original's problems and no other are left: judged without the proof's own reasoning
    n_made: int  # problems that neither the text before the fix nor the original has: the fix has made them
    n_edited: int
    elapsed_ms: float
    cpu_ms: float  # of this process, ruff and ty: what a machine without other work would need
    origin: str


# Whether anything was offered and proven, the edits, and where they come from.
Solved = tuple[bool, bool, tuple[Edit, ...] | None, str]


@dataclass(frozen=True, slots=True)
class Bench:
    """What solves the mutations of one package; limits in ms are stretched by `slack`."""

    package: Package
    ty: Ty
    slack: float
    engine: Engine | None = None
    pyright: Basedpyright | None = None

    def tools(self, mutation: Mutation) -> Tools:
        neighbours = tuple(each for each in self.package.documents if each.uri != mutation.original.uri)
        return Tools(
            checkers=(Ruff(deadline_ms=2000 * self.slack), self.ty),
            neighbours=neighbours,
            types=self.ty,
            deadline_ms=3000 * self.slack,
        )


Solve = Callable[[Mutation, Bench], Solved]


def ours(mutation: Mutation, bench: Bench) -> Solved:
    """The deterministic candidates, proven by ruff and ty."""
    tools = bench.tools(mutation)
    return _found(mutation, tools, find_fix(mutation.mutated, mutation.problem, tools, CancelToken()))


def with_model(mutation: Mutation, bench: Bench) -> Solved:
    """The same, and behind them what the embedded model writes into the hole, as when somebody chooses to ask it."""
    assert bench.engine is not None
    writer = Writer(bench.engine, Sources(), CancelToken())
    tools = replace(bench.tools(mutation), propose=partial(model.propose, writer=writer))
    return _found(mutation, tools, find_fix(mutation.mutated, mutation.problem, tools, CancelToken()))


def _found(mutation: Mutation, tools: Tools, fix: Fix | None) -> Solved:
    if fix is not None:
        return True, True, fix.edits, fix.candidate.origin
    case = Case(mutation.mutated, mutation.problem, tools.neighbours, tools.types)
    return bool(candidates_for(case)), False, None, ""


def on_save(mutation: Mutation, bench: Bench) -> Solved:
    """`source.fixAll.devstral` on the whole text, within its budget: only what is certain."""
    budget_ms = fix_all.BUDGET_MS * bench.slack
    cleaned = fix_everything(mutation.mutated, bench.tools(mutation), CancelToken(), budget_ms=budget_ms)
    if not cleaned.fixes:
        return False, False, None, ""
    return True, True, tuple(line_edits(cleaned.original, cleaned.text)), "save"


def ruff_alone(mutation: Mutation, bench: Bench) -> Solved:
    """Ruff's own fix, unsafe ones included."""
    fix = mutation.problem.own_fix
    return _first_proven(mutation, bench, [fix.edits] if fix else [], "ruff")


def pyright_alone(mutation: Mutation, bench: Bench) -> Solved:
    """The quick fixes of basedpyright for the line of the mistake; judged like ours, the first proven one counts."""
    assert bench.pyright is not None
    document = mutation.mutated
    found = bench.pyright.open(document)
    fixes = bench.pyright.quick_fixes(document, document.lines.line_of(mutation.problem.span.start), found)
    bench.pyright.close_text(document)
    return _first_proven(mutation, bench, fixes, "basedpyright")


def _first_proven(mutation: Mutation, bench: Bench, fixes: Sequence[tuple[Edit, ...]], origin: str) -> Solved:
    if not fixes:
        return False, False, None, ""
    baseline = examine(mutation.mutated, bench.tools(mutation).checkers)
    proven = (edits for edits in fixes if prove(baseline, mutation.problem, edits).is_proven)
    edits = next(proven, None)
    return True, edits is not None, edits if edits is not None else fixes[0], origin


SOLVERS: dict[str, Solve] = {
    "ours": ours,
    "model": with_model,
    "save": on_save,
    "ruff": ruff_alone,
    "pyright": pyright_alone,
}


def measure(package: Package, *, n_per_kind: int, solvers: Sequence[str], slack: float) -> Iterator[tuple[str, Result]]:
    """Results as they come, each with the name of its solver."""
    ty = Ty(package.root.absolute(), deadline_ms=1500 * slack)
    checkers = (Ruff(deadline_ms=2000 * slack), ty)
    engine = open_engine(resolve_bundle("embedded")) if "model" in solvers else None
    pyright = Basedpyright(package.root) if "pyright" in solvers else None
    bench = Bench(package, ty, slack, engine, pyright)
    for mutation in mutations_of(package, checkers, n_per_kind=n_per_kind):
        for name in solvers:
            ty.check(mutation.mutated)  # an editor has shown the problem before somebody asks for a fix
            start_s, start_cpu_s = time.perf_counter(), cpu_s(ty)
            solved = SOLVERS[name](mutation, bench)
            spent = (time.perf_counter() - start_s) * 1e3, (cpu_s(ty) - start_cpu_s) * 1e3
            yield name, _result(mutation, package, checkers, solved, spent)
    for each in (ty, engine, pyright):
        if each is not None:
            each.close()


def cpu_s(ty: Ty) -> float:
    """Processor time of this process, the programs that it has run, and ty's threads."""
    own, ran = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    child = ty._child  # noqa: SLF001 - only a benchmark wants to know
    threads = Path(f"/proc/{child._process.pid}/task").glob("*/schedstat") if child else ()  # noqa: SLF001
    ty_s = sum(int(each.read_text().split()[0]) for each in threads) / 1e9
    return own.ru_utime + own.ru_stime + ran.ru_utime + ran.ru_stime + ty_s


def _result(mutation, package, checkers, solved, spent) -> Result:  # noqa: ANN001
    is_offered, is_proven, edits, origin = solved
    text = apply_edits(mutation.mutated.text, edits) if edits is not None else None
    return Result(
        package.name, mutation.kind, mutation.original.path, mutation.problem.code,
        is_offered, is_proven,
        text is not None and _is_equal(text, mutation.original.text),
        text is not None and not _unlike_original(text, mutation, checkers),
        0 if text is None else _n_made(text, edits, mutation, checkers),
        sum(len(edit.span) + len(edit.new_text) for edit in edits or ()),
        round(spent[0], 1), round(spent[1], 1), origin,
    )  # fmt: skip


def _is_equal(text: str, original: str) -> bool:
    return text == original or _formatted(text) == _formatted(original)


def _formatted(text: str) -> str:
    """The text up to formatting: layout and the order of imports."""
    ruff = str(find_ruff_bin())
    isort = [ruff, "check", "--isolated", "-q", "--no-cache", "--select=I", "--fix", "--stdin-filename=a.py", "-"]
    layout = [ruff, "format", "--isolated", "-q", "--no-cache", "--stdin-filename=a.py", "-"]
    for command in (isort, layout):
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        text = done.stdout.decode() or text
    return text


def _unlike_original(text: str, mutation: Mutation, checkers) -> list[Problem]:  # noqa: ANN001
    """What the checkers say about the fixed text and not about the original."""
    edit = smallest_edit(mutation.original.text, text)
    return [] if edit is None else _new(mutation.original, text, [edit], checkers)


def _n_made(text: str, edits, mutation: Mutation, checkers) -> int:  # noqa: ANN001
    unlike_original = _unlike_original(text, mutation, checkers)
    unlike_before = _new(mutation.mutated, text, edits, checkers) if unlike_original else []
    return sum(problem in unlike_before for problem in unlike_original)


def _new(before: Document, text: str, edits, checkers) -> list[Problem]:  # noqa: ANN001
    fixed = replace(before, text=text)
    return [new for each in checkers for new in compare(each.check(before), each.check(fixed), edits).new]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("half", choices=("seen", "held-out"))
    parser.add_argument("--per-kind", type=int, default=10, help="mutations of each kind in each package")
    parser.add_argument("--package", action="append", help="only this package")
    parser.add_argument("--solver", action="append", choices=SOLVERS, help="default: all")
    parser.add_argument("--out", type=Path, required=True, help="rows are appended to it, for report.py")
    parser.add_argument("--slack", type=float, default=1.0, help="stretch every limit in ms, on a busy machine")
    options = parser.parse_args()
    pinned = SEEN if options.half == "seen" else HELD_OUT
    solvers = options.solver or list(SOLVERS)
    with options.out.open("a", encoding="utf-8") as rows:
        for name, version in pinned.items():
            if options.package and name not in options.package:
                continue
            print(f"{name} {version}", file=sys.stderr, flush=True)
            package = load_package(name, version)
            for solver, found in measure(package, n_per_kind=options.per_kind, solvers=solvers, slack=options.slack):
                rows.write(json.dumps({"solver": solver, "slack": options.slack, **asdict(found)}) + "\n")
                rows.flush()


if __name__ == "__main__":
    main()
