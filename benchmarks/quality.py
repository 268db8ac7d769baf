"""What each means against wrong suggestions is worth, on packages that the embedded model never saw.

python benchmarks/quality.py collect FILE [HOLES]     asks the model, once with name costs and once without
python benchmarks/quality.py record FILE              writes the figures of what was collected

The packages are fetched once into an ignored folder; nothing of them is run. One hole is judged in every way.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "benchmarks/fixes")]

from packages import Package, load_package, mutable  # noqa: E402  in benchmarks/fixes
from record import record  # noqa: E402

from devstral_ls.cancel import CancelToken  # noqa: E402
from devstral_ls.config import Settings  # noqa: E402
from devstral_ls.context import Sources, Workspace  # noqa: E402
from devstral_ls.context.subjects import Subject, places_around, subject_at  # noqa: E402
from devstral_ls.context.syntax import count_errors  # noqa: E402
from devstral_ls.engine import embedded_bundle, open_engine  # noqa: E402
from devstral_ls.engine.engine import Engine  # noqa: E402
from devstral_ls.engine.request import Completion, FinishReason, Priority  # noqa: E402
from devstral_ls.features.clean import clean  # noqa: E402
from devstral_ls.features.confidence import THRESHOLDS  # noqa: E402
from devstral_ls.features.holes import Hole, Kind, holes_in  # noqa: E402
from devstral_ls.features.inline_completion import Plan, plan  # noqa: E402
from devstral_ls.features.name_costs import NameCosts  # noqa: E402
from devstral_ls.features.names import code_only  # noqa: E402
from devstral_ls.features.outcome import Silence  # noqa: E402
from devstral_ls.features.placement import breaks_syntax  # noqa: E402
from devstral_ls.text import Document, Edit, Place, Span, apply_edits  # noqa: E402

# Held out of the embedded model's training (onnx_export/pretrain/sources.py).
PACKAGES = {"flask": "3.1.3", "werkzeug": "3.1.9", "tornado": "6.6.1", "scrapy": "2.19.0"}
HOLES_PER_FILE = 4
AFTER_DOT = "after dot"
FALSE_SHOWS = (0.01, 0.05, 0.20)
LEARNING_MS = 120_000
_AFTER_DOT = re.compile(r"(?<=[\w)])\.(?=[^\W\d])")

Row = dict[str, Any]


def main() -> None:
    command, file = sys.argv[1], Path(sys.argv[2])
    if command == "collect":
        with file.open("w", encoding="utf-8") as lines:
            for row in collect(int(sys.argv[3]) if len(sys.argv) > 3 else 400):
                print(json.dumps(row), file=lines, flush=True)
    else:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        print(json.dumps(found := figures(rows), indent=1))
        record("quality", found)


def collect(n_holes: int) -> Iterator[Row]:
    """Every hole in both ways, with everything near it learned, as after a pause of the typist."""
    engine = open_engine(embedded_bundle())
    for name, version in PACKAGES.items():
        package = load_package(name, version)
        with Workspace((package.root,)) as workspace:
            sources, asked = Sources(workspace=workspace), set[Subject]()
            for kind, hole in drawn(package, n_holes // len(PACKAGES)):
                yield from rows_of(kind, hole, engine, sources, asked)
        print(name, flush=True)
    engine.close()


def drawn(package: Package, n_holes: int) -> Iterator[tuple[str, Hole]]:
    """The same holes each time, a few of each file: half of all kinds, half behind a dot."""
    rng = random.Random(package.name)
    files = mutable(package)
    rng.shuffle(files)
    n_drawn = 0
    for document in files:
        ordinary = [(str(hole.kind), hole) for hole in holes_in(document, rng, HOLES_PER_FILE)]
        for each in (*ordinary, *behind_dots(document, rng)):
            n_drawn += 1
            yield each
        if n_holes <= n_drawn:
            return


def behind_dots(document: Document, rng: random.Random) -> Iterator[tuple[str, Hole]]:
    code = code_only(document.text)
    found = [match.end() for match in _AFTER_DOT.finditer(code)]
    for at in rng.sample(found, min(HOLES_PER_FILE, len(found))):
        end = document.line_span(document.lines.line_of(at)).end
        holed = replace(document, text=document.text[:at] + document.text[end:])
        yield AFTER_DOT, Hole(Kind.LINE_END, Place(holed, at), document.text[at:end])


def rows_of(kind: str, hole: Hole, engine: Engine, sources: Sources, asked: set[Subject]) -> Iterator[Row]:
    semantics = sources.workspace.semantics
    for each in (hole.place, *places_around(hole.place)):
        if (subject := subject_at(each)) is not None and subject not in asked:
            asked.add(subject)
            semantics.learn(each, deadline_ms=LEARNING_MS)
    rule = NameCosts(hole.place.document.path, semantics.n_learned, semantics, hole.place)
    for with_costs in (True, False):
        settings = Settings(known_names_only=with_costs, deadline_ms=20_000, eagerness="eager")
        planned = plan(hole.place, engine=engine, sources=sources, settings=settings, key="", priority=Priority.TYPING)
        if isinstance(planned, Silence):
            continue
        generation = engine.generate_blocking(planned.request, CancelToken())
        yield {
            "kind": kind,
            "with_costs": with_costs,
            "n_tokens": generation.metrics.n_generated_tokens,
            "decode_ms": generation.metrics.total_ms - generation.metrics.first_token_ms,
            "is_receiver_known": kind == AFTER_DOT and rule.names_unknown_member("no_object_has_this"),
            "is_author_known": not rule.names_unknown_member(hole.expected.split("\n")[0]),
            "ways": ways(hole, planned, generation.completions[0], rule) if generation.completions else {},
        }


def ways(hole: Hole, planned: Plan, completion: Completion, rule: NameCosts) -> dict[str, Row]:
    """What would be shown with less and with more of the means."""
    place, shape = planned.place, planned.shape
    cut = shape.end_of(completion.text)
    raw = Edit(Span(place.offset, place.offset), completion.text[:cut].rstrip())
    is_whole = completion.finish in {FinishReason.END, FinishReason.STOPPED}
    cleaned = clean(place, completion.text, shape, is_whole=is_whole, breaks=lambda _place, _edit: False)
    parsed = clean(place, completion.text, shape, is_whole=is_whole, breaks=breaks_syntax)
    found = {"as said": raw, "cleaned": cleaned, "parsed": parsed}
    return {
        way: described(hole, edit, completion, rule)
        for way, edit in found.items()
        if isinstance(edit, Edit) and edit.new_text.strip()
    }


def described(hole: Hole, edit: Edit, completion: Completion, rule: NameCosts) -> Row:
    """One suggestion compared with what its author wrote."""
    text, expected = edit.new_text, hole.expected
    first, wanted = text.strip("\n").split("\n")[0].strip(), expected.strip("\n").split("\n")[0].strip()
    after = apply_edits(hole.place.document.text, [edit])
    whole = hole.place.before + expected + hole.place.after
    return {
        "is_exact": first == wanted,
        "is_first_name_exact": first_name(first) == first_name(wanted),
        "n_kept": n_common(text, expected),
        "n_shown": len(text),
        "parses": count_errors(after, "python") <= count_errors(whole, "python"),
        "unknown_member": rule.names_unknown_member(text),
        "mean_logprob": completion.mean_logprob,
        "min_logprob": completion.min_logprob,
    }


def n_common(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def first_name(text: str) -> str:
    found = re.match(r"\w*", text)
    return found.group() if found else ""


def figures(rows: list[Row]) -> dict[str, Any]:
    """The table: every way with and without name costs, and what sureness separates."""
    kinds = Counter(row["kind"] for row in rows if row["with_costs"])
    found: dict[str, Any] = {"positions": dict(kinds), "packages": PACKAGES}
    for with_costs in (False, True):
        chosen = [row for row in rows if row["with_costs"] is with_costs]
        found["with name costs" if with_costs else "without name costs"] = of_costs(chosen)
    known = [row for row in rows if row["with_costs"] and row["is_receiver_known"]]
    found["receivers"] = {
        "known": share(row["is_receiver_known"] for row in rows if row["with_costs"] and row["kind"] == AFTER_DOT),
        "known_but_author_wrote_another_member": share(not row["is_author_known"] for row in known),
    }
    return found


def of_costs(rows: list[Row]) -> dict[str, Any]:
    ways = ("as said", "cleaned", "parsed")
    return {
        **{way: of_way(rows, way) for way in ways},
        "shown by eagerness": {name: of_threshold(rows, name) for name in THRESHOLDS},
        "decode_ms_per_token_p50": round(
            median(row["decode_ms"] / row["n_tokens"] for row in rows if row["n_tokens"]), 2
        ),
    }


def of_way(rows: list[Row], way: str) -> Row:
    """Shares of all positions, but for errors: those are shares of what would be shown."""
    shown = [row["ways"][way] for row in rows if way in row["ways"]]
    at_dots = [row for row in rows if row["kind"] == AFTER_DOT]
    lines = [row for row in rows if row["kind"] in ("new line", "block start")]
    middles = [row for row in rows if row["kind"] in ("line end", "in brackets")]
    return {
        "shown": round(len(shown) / len(rows), 4),
        "exact, next line": exact(lines, way, "is_exact"),
        "exact, mid-line": exact(middles, way, "is_exact"),
        "exact, rest of line after dot": exact(at_dots, way, "is_exact"),
        "exact, member after dot": exact(at_dots, way, "is_first_name_exact"),
        "exact, member after known receiver": exact(
            [r for r in at_dots if r["is_receiver_known"]], way, "is_first_name_exact"
        ),
        "does not parse": share(not each["parses"] for each in shown),
        "names a member that does not exist": share(each["unknown_member"] for each in shown),
        "characters kept": round(sum(each["n_kept"] for each in shown) / len(rows), 2),
        "kept at false shows of": {f"{rate:.0%}": kept_at(rows, way, rate) for rate in FALSE_SHOWS},
    }


def of_threshold(rows: list[Row], name: str) -> Row:
    least = THRESHOLDS[name]
    ways = [row["ways"].get("parsed") for row in rows]
    shown = [w for w in ways if w and least.mean_logprob <= w["mean_logprob"] and least.min_logprob <= w["min_logprob"]]
    return {
        "shown": round(len(shown) / len(rows), 4),
        "exact": round(sum(each["is_exact"] for each in shown) / len(rows), 4),
        "characters kept": round(sum(each["n_kept"] for each in shown) / len(rows), 2),
        "of shown, nothing kept": share(each["n_kept"] == 0 for each in shown),
    }


def kept_at(rows: list[Row], way: str, rate: float) -> float:
    """Characters kept a position when the surest are shown, until so many of all positions show a wrong first line."""
    shown = sorted((row["ways"][way] for row in rows if way in row["ways"]), key=lambda each: -each["mean_logprob"])
    n_false, kept, best = 0, 0, 0
    for each in shown:
        n_false += not each["is_exact"]
        if rate * len(rows) < n_false:
            break
        kept += each["n_kept"]
        best = max(best, kept)
    return round(best / len(rows), 3)


def exact(rows: list[Row], way: str, what: str) -> float:
    return share(way in row["ways"] and row["ways"][way][what] for row in rows)


def share(claims: Any) -> float:
    kept = list(claims)
    return round(sum(map(bool, kept)) / len(kept), 4) if kept else 0.0


if __name__ == "__main__":
    main()
