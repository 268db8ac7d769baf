"""What each setting of `eagerness` shows and keeps, with and without cutting a body where the model gets unsure.

python benchmarks/eagerness.py collect FILE [HOLES]   asks the model, which knows the project around each hole
python benchmarks/eagerness.py record FILE            judges what was collected, and writes the figures

The holes are those of `quality.py`, in packages that the embedded model was not trained on. A collector that was
stopped goes on where it was.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "fixes"))
sys.path.insert(0, str(Path(__file__).parent))
from packages import load_package
from quality import PACKAGES, drawn, rows_in
from record import record

from devstral_ls.cancel import CancelToken
from devstral_ls.config import Settings
from devstral_ls.context import Sources, Workspace
from devstral_ls.engine import embedded_bundle, open_engine
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import Completion, Generation, Metrics, Priority
from devstral_ls.features.confidence import THRESHOLDS, Threshold
from devstral_ls.features.holes import Hole
from devstral_ls.features.inline_completion import Plan, judge, plan
from devstral_ls.features.project import teach

HOLES = 280
LINES = frozenset({"new line", "block start"})  # kinds of holes where a suggestion may have several lines
# Beside the settings: the choice that they were made from.
TRIED = {
    f"{mean} / {least}": Threshold(mean, least)
    for mean, least in ((-1.5, -6.0), (-0.8, -3.0), (-0.65, -2.5), (-0.5, -2.0), (-0.35, -1.5), (-0.25, -1.0))
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said at a hole; None where it was not asked."""

    kind: str
    hole: Hole
    plan: Plan | None
    completion: Completion | None


def main() -> None:
    command, file, *words = sys.argv[1:]
    n_holes = int(words[0]) if words else HOLES
    if command == "collect":
        collect(Path(file), n_holes // len(PACKAGES))
        return
    answers = list(answers_in(Path(file)))
    figures = {
        name: {way: told(answers, threshold, cuts=way == "cut") for way in ("whole", "cut")}
        for name, threshold in {**THRESHOLDS, **TRIED}.items()
    }
    several = [each for each in answers if each.kind in LINES]
    lines = {name: told(several, threshold, cuts=True) for name, threshold in THRESHOLDS.items()}
    counts = {"positions": len(answers), "where several lines may stand": len(several)}
    print(record("eagerness", {**counts, "settings": figures, "of several lines": lines}))


def collect(file: Path, n_each: int) -> None:
    done = {(row["package"], row["number"]) for row in rows_in(file)} if file.exists() else set()
    engine = open_engine(embedded_bundle())
    with file.open("a", encoding="utf-8") as lines:
        for name in PACKAGES:
            with Workspace((load_package(name, PACKAGES[name]).root,)) as workspace:
                for number, (_, hole) in enumerate(drawn(name, n_each)):
                    if (name, number) not in done:
                        said = ask(hole, engine, Sources(workspace=workspace))
                        row = {"package": name, "of": n_each, "number": number, "said": said}
                        print(json.dumps(row), file=lines, flush=True)
            print(name, flush=True)
    engine.close()


def ask(hole: Hole, engine: Engine, sources: Sources) -> dict[str, Any] | None:
    """The first completion, or None where the model is not asked."""
    teach(hole.place.document, engine, sources)
    planned = planned_at(hole, engine, sources)
    if planned is None:
        return None
    completions = engine.generate_blocking(planned.request, CancelToken()).completions
    return asdict(completions[0]) if completions else None


def planned_at(hole: Hole, engine: Engine, sources: Sources) -> Plan | None:
    planned = plan(hole.place, engine=engine, sources=sources, settings=Settings(), key="", priority=Priority.TYPING)
    return planned if isinstance(planned, Plan) else None


def answers_in(file: Path) -> Iterator[Answer]:
    engine = open_engine(embedded_bundle())
    for row in rows_in(file):
        kind, hole = drawn(row["package"], row["of"])[row["number"]]
        completion = None if row["said"] is None else Completion.of(row["said"])
        yield Answer(kind, hole, planned_at(hole, engine, Sources()) if completion else None, completion)
    engine.close()


def told(answers: list[Answer], threshold: Threshold, *, cuts: bool) -> dict[str, float]:
    """Shares of all positions, or of what is shown; characters a position."""
    n_shown = n_exact = n_begun = n_kept = n_not_kept = 0
    for answer in answers:
        shown = text_shown(answer, threshold, cuts=cuts)
        if shown is None:
            continue
        expected = answer.hole.expected
        kept = n_alike(shown, expected)
        n_shown += 1
        n_exact += shown.split("\n")[0].rstrip() == expected.split("\n")[0].rstrip()
        n_begun += 0 < kept
        n_kept += kept
        n_not_kept += len(shown) - kept
    n = len(answers)
    return {
        "mean_logprob": threshold.mean_logprob,
        "min_logprob": threshold.min_logprob,
        "shown": round(n_shown / n, 3),
        "of_shown_first_line_exact": round(n_exact / max(1, n_shown), 3),
        "of_shown_begins_right": round(n_begun / max(1, n_shown), 3),
        "characters_kept": round(n_kept / n, 2),
        "characters_not_kept": round(n_not_kept / n, 2),
    }


def text_shown(answer: Answer, threshold: Threshold, *, cuts: bool) -> str | None:
    if answer.plan is None or answer.completion is None:
        return None
    completion = answer.completion if cuts else replace(answer.completion, line_ends=())
    outcome = judge(replace(answer.plan, threshold=threshold), Generation((completion,), Metrics()))
    return outcome.suggestions[0].text if outcome.suggestions else None


def n_alike(left: str, right: str) -> int:
    """How many characters both begin with."""
    n = min(len(left), len(right))
    return next((at for at in range(n) if left[at] != right[at]), n)


if __name__ == "__main__":
    main()
