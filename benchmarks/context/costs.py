"""What the index, a ranking and a pack cost, and how that grows with the size of a workspace.

    python benchmarks/context/costs.py            # 10,000 to 1,000,000 real lines

Processor seconds are the figures to read: on a busy machine wall times say little. The index is made by the
process that the server starts for it, so its start is in these figures; memory is told of that process and of
one that looks at the index as the server does, each at its peak.
The lines are those of the pinned repositories, taken whole file by whole file until a size is reached.
"""

import _pydecimal
import argparse
import inspect
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from gold import source_files
from recall import tokens_of
from record import record
from repositories import LINES, folder_of

from devstral_ls.context import Budget, Sources, Workspace, gather
from devstral_ls.context.columns import Columns, arrays_of, open_published
from devstral_ls.context.open_texts import read_document
from devstral_ls.context.pack import Candidate, candidates, choose
from devstral_ls.context.query import Query, query_at
from devstral_ls.context.rank import rank
from devstral_ls.context.records import read_record
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.text import Document, Place

SIZES = (10_000, 100_000, 160_000, 1_000_000)  # Django has 160,000
N_REPEATS = 9
N_EDITED_PLACES = 25
TYPED = ("\n", "    x", " =", " f", "(", "a", ")", "\n")  # a line as it is typed, broken in between
N_PLACES = 12
PACKED_TOKENS = 4_096
MEBIBYTE = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    edits = edit_costs()
    print(edits, flush=True)
    for n_lines in arguments.sizes:
        rows.append(measured(n_lines))
        print(rows[-1], flush=True)
        record("context_costs", {"sizes": rows, "edit_of_a_long_text": edits})  # a long run keeps what it has


def measured(n_lines: int) -> dict[str, Any]:
    """All costs for a workspace of about so many lines."""
    with tempfile.TemporaryDirectory() as folder:
        root, store = Path(folder) / "root", Path(folder) / "store"
        n_copied = copy_lines(root, n_lines)
        indexed = {"cold": indexing(root, store), "nothing_changed": indexing(root, store)}
        next(iter(sorted(root.rglob("*.py")))).write_text("def added(): ...\n")
        indexed["one_file_changed"] = indexing(root, store)
        opened_ms = [1e3 * seconds(lambda: open_published(store))[0] for _ in range(N_REPEATS)]
        mapped = open_published(store)
        assert mapped is not None
        places = some_places(root)
        queries = [query_of(place) for place in places]
        rank_ms = [1e3 * seconds(lambda query=query: rank(query, mapped))[0] for query in queries for _ in range(2)]
        first_ms = 1e3 * seconds(lambda: first_context(root, places[0]))[0]
        return {
            "n_lines": n_copied,
            "n_files": mapped.n_files,
            "n_symbols": mapped.n_symbols,
            "reference_ms": reference_ms(),
            "index": indexed,
            "open_ms_median": round(median(opened_ms), 2),
            "rank_ms_median": round(median(rank_ms), 2),
            "rank_ms_p95": round(quantiles(rank_ms, n=20)[18], 2),
            "first_context_ms": round(first_ms, 1),
            "pack_ms": pack_costs(queries[0], mapped),
            "looking_peak_mib": looking(store, places),
            "columns_mib": round(sum(array.nbytes for array in arrays_of(mapped).values()) / MEBIBYTE, 1),
            "store_mib": round((store / "store.sqlite").stat().st_size / MEBIBYTE, 1),
        }


def reference_ms() -> float:
    """How fast the machine is just now, which others share: the time for reading one text of 6,000 lines."""
    text = Path(inspect.getfile(_pydecimal)).read_text("utf-8")
    return round(median(1e3 * seconds(lambda: read_record(text, "python"))[0] for _ in range(5)), 2)


def indexing(root: Path, store: Path) -> dict[str, float]:
    """What the index process takes to bring the index up to date, with its children."""
    start_s, before = time.monotonic(), os.times()
    said = _said([INDEX, str(root), str(store)])
    after = os.times()
    used_s = after.children_user + after.children_system - before.children_user - before.children_system
    return {"cpu_s": round(used_s, 2), "wall_s": round(time.monotonic() - start_s, 2), "peak_mib": _peak_mib(said)}


def looking(store: Path, places: list[Place]) -> int:
    """Mebibytes of a process at its peak that maps the index and ranks and packs at some places of its texts."""
    texts = json.dumps([(each.document.path, each.document.text, each.offset) for each in places])
    return _peak_mib(_said([LOOK, str(store), str(PACKED_TOKENS)], texts))


def _said(program: list[str], given: str = "") -> str:
    command = [sys.executable, "-c", *program]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


def _peak_mib(said: str) -> int:
    """The largest of the memory that a process told at its end; `ru_maxrss` would begin with ours, which started it."""
    return int(next(line for line in said.splitlines() if line.startswith("VmHWM:")).split()[1]) // 1024


INDEX = """
from pathlib import Path
from devstral_ls.context.indexer import main
main()
print(Path("/proc/self/status").read_text())
"""
LOOK = """
import json, sys
from pathlib import Path
from devstral_ls.context.columns import open_published
from devstral_ls.context.pack import candidates, choose
from devstral_ls.context.query import query_at
from devstral_ls.context.rank import rank
from devstral_ls.context.records import read_record
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.text import Document, Place

columns, counts = open_published(Path(sys.argv[1])), TokenCounts().use(lambda text: len(text) // 4 + 1)
for path, text, offset in json.load(sys.stdin):
    record = read_record(text, "python")
    query = query_at(Place(Document(uri=path, text=text, path=path), offset), record.outline, record.names, [])
    choose(candidates(columns, rank(query, columns)), int(sys.argv[2]), counts)
print(Path("/proc/self/status").read_text())
"""


def copy_lines(root: Path, n_lines: int) -> int:
    """Files of the pinned repositories below `root`, until there are so many lines; the number there is."""
    n_copied = 0
    for requirement in LINES:
        for path in source_files(folder_of(requirement)):
            if n_lines <= n_copied:
                return n_copied
            target = root / requirement.split("==")[0] / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder_of(requirement) / path, target)
            n_copied += target.read_bytes().count(b"\n")
    return n_copied


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of this process."""
    start_s = time.process_time()
    result = work()
    return time.process_time() - start_s, result


def some_places(root: Path) -> list[Place]:
    """Cursors in the middle of files spread over the workspace."""
    files = [file for file in sorted(root.rglob("*.py")) if 2000 < file.stat().st_size < 100_000]
    chosen = files[:: max(1, len(files) // N_PLACES)][:N_PLACES]
    documents = [
        Document(uri=file.name, text=file.read_text("utf-8", "replace"), path=file.relative_to(root).as_posix())
        for file in chosen
    ]
    return [Place(document, document.lines.line_start(document.lines.n_lines // 2)) for document in documents]


def query_of(place: Place) -> Query:
    read = read_record(place.document.text, "python")
    return query_at(place, read.outline, read.names, [])


def first_context(root: Path, place: Place) -> object:
    """The context of a workspace that was never seen: no index, only what the text imports."""
    budget = Budget(prefix_tokens=1024, suffix_tokens=512, stable_tokens=2048, count_tokens=tokens_of)
    return gather(place, budget=budget, sources=Sources(workspace=Workspace((root,), libraries=())))


def pack_costs(query: Query, columns: Columns) -> dict[str, float]:
    """Milliseconds of a pack whose counts are known, by budget."""
    wanted = list(candidates(columns, rank(query, columns)))
    counts = TokenCounts().use(tokens_of)
    return {str(budget_tokens): _pack_ms(wanted, budget_tokens, counts) for budget_tokens in (4_096, 131_072)}


def _pack_ms(wanted: list[Candidate], budget_tokens: int, counts: TokenCounts) -> float:
    choose(wanted, budget_tokens, counts)
    return round(median(1e3 * seconds(lambda: choose(wanted, budget_tokens, counts))[0] for _ in range(3)), 2)


def edit_costs() -> dict[str, Any]:
    """Milliseconds to know a real text of over 5,000 lines again after each of many keystrokes, and from nothing."""
    text = Path(inspect.getfile(_pydecimal)).read_text("utf-8")
    rng = random.Random(20261125)
    line_starts = [index + 1 for index, character in enumerate(text) if character == "\n"]
    anew_ms = [1e3 * seconds(lambda: read_record(text, "python"))[0] for _ in range(3)]
    read_document(_opened(text))
    times_ms = []
    for _ in range(N_EDITED_PLACES):
        at = rng.choice(line_starts)
        for typed in TYPED:
            text = text[:at] + typed + text[at:]
            at += len(typed)
            document = _opened(text)
            times_ms.append(1e3 * seconds(lambda document=document: read_document(document))[0])
    return {
        "n_lines": text.count("\n"),
        "n_edits": len(times_ms),
        "whole_ms_median": round(median(anew_ms), 2),
        "p50_ms": round(median(times_ms), 2),
        "p95_ms": round(quantiles(times_ms, n=20)[18], 2),
        "largest_ms": round(max(times_ms), 2),
    }


def _opened(text: str) -> Document:
    return Document(uri="file:///decimal.py", text=text, path="decimal.py")


if __name__ == "__main__":
    main()
