"""What each means against wrong suggestions is worth, on packages that the embedded model never saw.

python benchmarks/quality.py collect FILE [HOLES [PACKAGE…]]   asks the model, with more and less of its name costs
python benchmarks/quality.py record FILE…                      judges what was collected, and writes the figures

The packages are fetched once into an ignored folder; nothing of them is run. What the model said is kept as it
was, so that other rules can judge it again without it. A collector that was stopped goes on where it was.
"""

import ast
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "benchmarks/fixes")]

from packages import load_package, mutable  # noqa: E402  in benchmarks/fixes
from record import record  # noqa: E402

from devstral_ls.cancel import CancelToken  # noqa: E402
from devstral_ls.config import Settings  # noqa: E402
from devstral_ls.context import Sources, Workspace  # noqa: E402
from devstral_ls.context.subjects import code_only  # noqa: E402
from devstral_ls.context.syntax import count_errors  # noqa: E402
from devstral_ls.engine import embedded_bundle, open_engine  # noqa: E402
from devstral_ls.engine.engine import Engine  # noqa: E402
from devstral_ls.engine.request import Completion, FinishReason, Priority  # noqa: E402
from devstral_ls.features.clean import clean  # noqa: E402
from devstral_ls.features.confidence import THRESHOLDS  # noqa: E402
from devstral_ls.features.holes import Hole, Kind, holes_in  # noqa: E402
from devstral_ls.features.inline_completion import plan  # noqa: E402
from devstral_ls.features.name_costs import NameCosts  # noqa: E402
from devstral_ls.features.names import has_unknown_name  # noqa: E402
from devstral_ls.features.naming import EVERY_PART, Part  # noqa: E402
from devstral_ls.features.outcome import Silence  # noqa: E402
from devstral_ls.features.placement import breaks_syntax  # noqa: E402
from devstral_ls.features.replay import remembered_names  # noqa: E402
from devstral_ls.features.scores import interval  # noqa: E402
from devstral_ls.features.shape import shape_at  # noqa: E402
from devstral_ls.text import Document, Edit, Place, Span, apply_edits  # noqa: E402

# Held out of the embedded model's training (onnx_export/pretrain/sources.py).
PACKAGES = {
    "black": "26.10.1",
    "celery": "5.7.0",
    "flask": "3.1.3",
    "scrapy": "2.19.0",
    "sphinx": "9.0.4",
    "tornado": "6.6.1",
    "werkzeug": "3.1.9",
}
# What is weighed while the model writes; each has what the one above has.
MODES: dict[str, frozenset[Part]] = {
    "nothing": frozenset(),
    "members": frozenset({Part.MEMBERS}),
    "members and keywords": frozenset({Part.MEMBERS, Part.KEYWORDS}),
    "all names": EVERY_PART,
}
WAYS = ("as said", "cleaned", "parsed", "names known")
HOLES_PER_FILE = 3
AFTER_DOT, AFTER_BRACKET = "after dot", "in call"
FALSE_SHOWS = (0.01, 0.05, 0.20)
LEARNING_S = 8.0  # a pause of the typist
MAX_LINES = Settings().max_lines
_AFTER_DOT = re.compile(r"(?<=[\w)])\.(?=[^\W\d])")
_KEYWORD = re.compile(r"(?<=[(,]) ?(?=[^\W\d]\w*=[^=])")

Row = dict[str, Any]


def main() -> None:
    command, *words = sys.argv[1:]
    if command == "collect":
        n_holes, *names = words[1:] or ["420"]
        file = Path(words[0])
        done = {key_of(row) for row in rows_in(file)} if file.exists() else set()
        with file.open("a", encoding="utf-8") as lines:
            for row in collect(int(n_holes), names or list(PACKAGES), done):
                print(json.dumps(row), file=lines, flush=True)
    else:
        rows = {key_of(row): row for file in words for row in rows_in(Path(file))}
        print(json.dumps(found := figures(list(judged(rows.values()))), indent=1))
        record("quality", found)


def rows_in(file: Path) -> list[Row]:
    """What was collected; the last line may be torn."""
    lines = file.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def key_of(row: Row) -> tuple[str, int, str]:
    return row["package"], row["number"], row["mode"]


# Asking the model


def collect(n_holes: int, names: list[str], done: set[tuple[str, int, str]]) -> Iterator[Row]:
    """Every hole in every mode, with what can be learned near it in a pause."""
    engine = open_engine(embedded_bundle())
    for name in names:
        package = load_package(name, PACKAGES[name])
        with Workspace((package.root,)) as workspace:
            sources = Sources(workspace=workspace)
            for number, (kind, hole) in enumerate(drawn(name, n_holes // len(PACKAGES))):
                if all((name, number, mode) in done for mode in MODES):
                    continue
                where = {"package": name, "of": n_holes // len(PACKAGES), "number": number, "kind": kind}
                yield from (where | row for row in asked(hole, engine, sources))
        print(name, flush=True)
    engine.close()


@cache
def drawn(name: str, n_holes: int) -> list[tuple[str, Hole]]:
    """The same holes each time, a few of each file: of all kinds, behind dots, and where a keyword was written."""
    rng = random.Random(name)
    files = mutable(load_package(name, PACKAGES[name]))
    rng.shuffle(files)
    found: list[tuple[str, Hole]] = []
    for document in files:
        found += [(str(hole.kind), hole) for hole in holes_in(document, rng, HOLES_PER_FILE)]
        found += rests_of_lines(document, rng, AFTER_DOT, _AFTER_DOT, 2)
        found += rests_of_lines(document, rng, AFTER_BRACKET, _KEYWORD, 1)
        if n_holes <= len(found):
            break
    return found[:n_holes]


def rests_of_lines(
    document: Document, rng: random.Random, kind: str, where: re.Pattern[str], n: int
) -> Iterator[tuple[str, Hole]]:
    ends = [match.end() for match in where.finditer(code_only(document.text))]
    for at in rng.sample(ends, min(n, len(ends))):
        end = document.line_span(document.lines.line_of(at)).end
        holed = replace(document, text=document.text[:at] + document.text[end:])
        yield kind, Hole(Kind.LINE_END, Place(holed, at), document.text[at:end])


def asked(hole: Hole, engine: Engine, sources: Sources) -> Iterator[Row]:
    """What the model says in each mode; turn by turn another one comes first, so that none has the warm cache."""
    semantics = sources.workspace.semantics
    semantics.wonder(hole.place)
    semantics.wait(LEARNING_S)
    settings = Settings(deadline_ms=20_000, eagerness="eager")
    planned = plan(hole.place, engine=engine, sources=sources, settings=settings, key="", priority=Priority.TYPING)
    if isinstance(planned, Silence):
        return
    names = list(MODES)
    turn = hole.place.offset % len(names)
    for mode in (*names[turn:], *names[:turn]):
        costs = NameCosts(hole.place.document.path, 0, semantics, hole.place, MODES[mode])
        costs_nothing = planned.names is None or not MODES[mode]
        request = replace(planned.request, cost=None if costs_nothing else costs)
        generation = engine.generate_blocking(request, CancelToken())
        costs.names_unknown_member("no_object_has_this")
        yield {
            "mode": mode,
            "said": [asdict(each) for each in generation.completions[:1]],
            "looked_up": known_near(hole, semantics, generation.completions[:1]),
            "n_tokens": generation.metrics.n_generated_tokens,
            "decode_ms": generation.metrics.total_ms - generation.metrics.first_token_ms,
        }


def known_near(hole: Hole, semantics: Any, said: Iterable[Completion]) -> Row:
    """The answers of the facts that judging needs, whichever mode was asked."""
    costs = NameCosts(hole.place.document.path, 0, semantics, hole.place)
    for text in (
        hole.expected.split("\n")[0],
        "no_object_has_this",
        "no_call_takes_this=1",
        *(each.text for each in said),
    ):
        costs.names_unknown_member(text)
        costs.names_unknown_keyword(text)
    return costs.looked_up()


# Judging what it said


@dataclass(frozen=True)
class Judge:
    """One hole with what was known of its names."""

    hole: Hole
    costs: NameCosts

    def row(self, row: Row) -> Row:
        return row | {
            "is_receiver_known": row["kind"] == AFTER_DOT and self.costs.names_unknown_member("no_object_has_this"),
            "is_call_known": self.costs.names_unknown_keyword("no_call_takes_this=1"),
            "is_author_refused": self.costs.names_unknown_member(self.first_line)
            or self.costs.names_unknown_keyword(self.first_line),
            "ways": {way: self.described(edit, said) for said in row["said"] for way, edit in self.ways(said)},
        }

    @property
    def first_line(self) -> str:
        return self.hole.expected.split("\n")[0]

    def ways(self, said: Row) -> Iterator[tuple[str, Edit]]:
        """What would be shown with less and with more of the means."""
        place, text = self.hole.place, said["text"]
        shape = shape_at(place, MAX_LINES)
        raw = Edit(Span(place.offset, place.offset), text[: shape.end_of(text)].rstrip())
        is_whole = said["finish"] in {FinishReason.END, FinishReason.STOPPED}
        cleaned = clean(place, text, shape, is_whole=is_whole, breaks=lambda _place, _edit: False)
        parsed = clean(place, text, shape, is_whole=is_whole, breaks=breaks_syntax)
        for way, edit in (("as said", raw), ("cleaned", cleaned), ("parsed", parsed)):
            if isinstance(edit, Edit) and edit.new_text.strip():
                yield way, edit
        if isinstance(parsed, Edit) and not self.is_refused(parsed.new_text, in_string=bool(shape.nesting.quote)):
            yield "names known", parsed

    def is_refused(self, text: str, *, in_string: bool) -> bool:
        """Whether the server would not show this for a name in it."""
        if in_string:
            return False
        is_invented = self.costs.names_unknown_member(text) or self.costs.names_unknown_keyword(text)
        return is_invented or has_unknown_name(self.hole.place, text)

    def described(self, edit: Edit, said: Row) -> Row:
        """One suggestion compared with what its author wrote."""
        place, text = self.hole.place, edit.new_text
        first, wanted = text.strip("\n").split("\n")[0].strip(), self.hole.expected.strip("\n").split("\n")[0].strip()
        after = apply_edits(place.document.text, [edit])
        whole = place.before + self.hole.expected + place.after
        return {
            "text": text,
            "is_exact": first == wanted,
            "is_first_name_exact": first_name(first) == first_name(wanted),
            "n_kept": n_common(text, self.hole.expected),
            "n_shown": len(text),
            "parses": count_errors(after, "python") <= count_errors(whole, "python"),
            "compiles": compiles(after, edit) or not compiles(whole, edit),
            "unknown_member": self.costs.names_unknown_member(text),
            "unknown_keyword": self.costs.names_unknown_keyword(text),
            "mean_logprob": said["mean_logprob"],
            "min_logprob": said["min_logprob"],
        }


def judged(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        _, hole = drawn(row["package"], row["of"])[row["number"]]
        yield Judge(hole, remembered_names(hole.place, row["looked_up"])).row(row)


def compiles(text: str, edit: Edit) -> bool:
    """Whether Python's own parser takes it; a header at the end of the suggestion may still wait for its body."""
    line_end = text.find("\n", edit.span.start + len(edit.new_text))
    with_body = text if line_end < 0 else text[:line_end] + " pass" + text[line_end:]
    return any(is_python(each) for each in (text, with_body))


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def n_common(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def first_name(text: str) -> str:
    found = re.match(r"\w*", text)
    return found.group() if found else ""


# Figures


def figures(rows: list[Row]) -> dict[str, Any]:
    """The table: every way in every mode, and what sureness separates."""
    whole = [row for row in rows if row["mode"] == "all names"]
    by_mode = {mode: [row for row in rows if row["mode"] == mode] for mode in MODES}
    receivers = [row for row in whole if row["kind"] == AFTER_DOT]
    return {
        "positions": dict(Counter(row["kind"] for row in whole)),
        "packages": {name: PACKAGES[name] for name in sorted({row["package"] for row in rows})},
        "by what is weighed": {mode: of_mode(found) for mode, found in by_mode.items()},
        "differences from nothing weighed": {
            mode: differences(by_mode["nothing"], found) for mode, found in by_mode.items() if mode != "nothing"
        },
        "shown by eagerness": {name: of_threshold(whole, name) for name in THRESHOLDS},
        "receivers known": share(row["is_receiver_known"] for row in receivers),
        "calls known, where the author wrote a keyword": share(
            row["is_call_known"] for row in whole if row["kind"] == AFTER_BRACKET
        ),
        "author's own line would be refused": share(row["is_author_refused"] for row in whole),
    }


def of_mode(rows: list[Row]) -> dict[str, Any]:
    per_token = [row["decode_ms"] / row["n_tokens"] for row in rows if row["n_tokens"]]
    return {
        **{way: of_way(rows, way) for way in WAYS},
        "decode_ms_per_token_p50": round(median(per_token), 2) if per_token else None,
    }


def of_way(rows: list[Row], way: str) -> Row:
    """Shares of all positions, but for errors: those are shares of what would be shown."""
    shown = [row["ways"][way] for row in rows if way in row["ways"]]
    at_dots = [row for row in rows if row["kind"] == AFTER_DOT]
    in_calls = [row for row in rows if row["kind"] == AFTER_BRACKET]
    lines = [row for row in rows if row["kind"] in ("new line", "block start")]
    middles = [row for row in rows if row["kind"] in ("line end", "in brackets")]
    return {
        "shown": round(len(shown) / len(rows), 4),
        "exact, next line": exact(lines, way, "is_exact"),
        "exact, mid-line": exact(middles, way, "is_exact"),
        "exact, rest of line after dot": exact(at_dots, way, "is_exact"),
        "exact, member after dot": exact(at_dots, way, "is_first_name_exact"),
        "exact, member after known receiver": exact(
            [row for row in at_dots if row["is_receiver_known"]], way, "is_first_name_exact"
        ),
        "exact, keyword of known call": exact(
            [row for row in in_calls if row["is_call_known"]], way, "is_first_name_exact"
        ),
        "does not parse": share(not each["parses"] for each in shown),
        "does not compile": share(not each["compiles"] for each in shown),
        "names a member that does not exist": share(each["unknown_member"] for each in shown),
        "gives a keyword that is not taken": share(each["unknown_keyword"] for each in shown),
        "characters kept": round(sum(each["n_kept"] for each in shown) / len(rows), 2),
        "kept at false shows of": {f"{rate:.0%}": kept_at(rows, way, rate) for rate in FALSE_SHOWS},
    }


def differences(before: list[Row], after: list[Row]) -> Row:
    """What the same positions gain, with 95 % confidence."""
    pairs = defaultdict(list)
    for row in (*before, *after):
        pairs[row["package"], row["number"]].append(row)
    both = [pair for pair in pairs.values() if len(pair) == 2]
    found = {}
    for name, value in (("exact", "is_exact"), ("first name exact", "is_first_name_exact"), ("kept", "n_kept")):
        gains = [float(of_shown(b, value)) - float(of_shown(a, value)) for a, b in both]
        found[name] = {key: round(each, 4) for key, each in asdict(interval(gains)).items()}
    return found


def of_shown(row: Row, value: str) -> float:
    return row["ways"]["names known"][value] if "names known" in row["ways"] else 0.0


def of_threshold(rows: list[Row], name: str) -> Row:
    least = THRESHOLDS[name]
    ways = [row["ways"].get("names known") for row in rows]
    shown = [w for w in ways if w and least.mean_logprob <= w["mean_logprob"] and least.min_logprob <= w["min_logprob"]]
    return {
        "shown": round(len(shown) / len(rows), 4),
        "exact": round(sum(each["is_exact"] for each in shown) / len(rows), 4),
        "characters kept": round(sum(each["n_kept"] for each in shown) / len(rows), 2),
        "characters not kept": round(sum(each["n_shown"] - each["n_kept"] for each in shown) / len(rows), 2),
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


def share(claims: Any) -> float | None:
    kept = list(claims)
    return round(sum(map(bool, kept)) / len(kept), 4) if kept else None


if __name__ == "__main__":
    main()
