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
from dataclasses import asdict, dataclass
from pathlib import Path

from mutations import Mutation, make_mutations
from packages import HELD_OUT, SEEN, Package, load_package, mutable
from ruff import find_ruff_bin

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Ruff, Ty, compare
from devstral_ls.features.candidates import Case, candidates_for
from devstral_ls.features.code_actions import fix_all
from devstral_ls.features.fixes import Tools, find_fix, fix_everything, line_edits
from devstral_ls.features.verification import examine, prove
from devstral_ls.text import Edit, apply_edits, smallest_edit


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
    n_edited: int
    elapsed_ms: float
    cpu_ms: float  # of this process, ruff and ty: what a machine without other work would need
    origin: str


# Whether anything was offered and proven, the edits, and where they come from.
Solved = tuple[bool, bool, tuple[Edit, ...] | None, str]
# A mutation, its package, the types, and the factor by which limits are stretched.
Solve = Callable[[Mutation, Package, Ty, float], Solved]


def ours(mutation: Mutation, package: Package, ty: Ty, slack: float) -> Solved:
    """The deterministic candidates, proven by ruff and ty."""
    neighbours = tuple(each for each in package.documents if each.uri != mutation.original.uri)
    tools = Tools(checkers=(Ruff(), ty), neighbours=neighbours, types=ty, deadline_ms=3000 * slack)
    fix = find_fix(mutation.mutated, mutation.problem, tools, CancelToken())
    if fix is not None:
        return True, True, fix.edits, fix.candidate.origin
    case = Case(mutation.mutated, mutation.problem, neighbours, ty)
    return bool(candidates_for(case)), False, None, ""


def on_save(mutation: Mutation, package: Package, ty: Ty, slack: float) -> Solved:
    """`source.fixAll.devstral` on the whole text, within its budget: only what is certain."""
    neighbours = tuple(each for each in package.documents if each.uri != mutation.original.uri)
    tools = Tools(checkers=(Ruff(), ty), neighbours=neighbours, types=ty)
    cleaned = fix_everything(mutation.mutated, tools, CancelToken(), budget_ms=fix_all.BUDGET_MS * slack)
    if not cleaned.fixes:
        return False, False, None, ""
    return True, True, tuple(line_edits(cleaned.original, cleaned.text)), "save"


def ruff_alone(mutation: Mutation, _: Package, ty: Ty, __: float) -> Solved:
    """Ruff's own fix, unsafe ones included."""
    fix = mutation.problem.own_fix
    if fix is None:
        return False, False, None, ""
    baseline = examine(mutation.mutated, (Ruff(), ty))
    return True, prove(baseline, mutation.problem, fix.edits).is_proven, fix.edits, "ruff"


SOLVERS: dict[str, Solve] = {"ours": ours, "save": on_save, "ruff": ruff_alone}


def measure(package: Package, *, n_per_kind: int, solvers: Sequence[str], slack: float) -> Iterator[tuple[str, Result]]:
    """Results as they come, each with the name of its solver."""
    ty = Ty(package.root.absolute(), deadline_ms=1500 * slack)
    checkers = (Ruff(deadline_ms=2000 * slack), ty)
    for mutation in make_mutations(mutable(package), checkers, n_per_kind=n_per_kind, seed=package.name):
        for name in solvers:
            ty.check(mutation.mutated)  # an editor has shown the problem before somebody asks for a fix
            start_s, start_cpu_s = time.perf_counter(), cpu_s(ty)
            solved = SOLVERS[name](mutation, package, ty, slack)
            spent = (time.perf_counter() - start_s) * 1e3, (cpu_s(ty) - start_cpu_s) * 1e3
            yield name, _result(mutation, package, checkers, solved, spent)
    ty.close()


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
        text is not None and _is_accepted(text, mutation, checkers),
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


def _is_accepted(text: str, mutation: Mutation, checkers) -> bool:  # noqa: ANN001
    """Whether the checkers say about the fixed text nothing that they do not say about the original."""
    edit = smallest_edit(mutation.original.text, text)
    if edit is None:
        return True
    fixed = type(mutation.original)(mutation.original.uri, text, path=mutation.original.path)
    return not any(compare(checker.check(mutation.original), checker.check(fixed), [edit]).new for checker in checkers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("half", choices=("seen", "held-out"))
    parser.add_argument("--per-kind", type=int, default=8, help="mutations of each kind in each package")
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
