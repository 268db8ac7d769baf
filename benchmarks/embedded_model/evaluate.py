"""How good the embedded model is on packages it never saw: `python benchmarks/embedded_model/evaluate.py BUNDLE`.

Needs the corpus that `python -m onnx_export.pretrain corpus` leaves in its state folder.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import TASKS, Case, draw
from reading import read
from scoring import precision_at_coverage, similarity, wanted_part
from writers import CopyWriter, JediWriter, ModelWriter, NgramWriter, Writer, open_engine

from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.pretrain import corpus, pack
from onnx_export.pretrain.state import DEFAULT_ROOT, State

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

COVERAGE = 0.25
N_WINDOWS = 100


@dataclass(frozen=True, slots=True)
class Way:
    """What a model is given beside its prompt's own file."""

    with_matches: bool
    with_context: bool


NETWORK_ALONE = "network alone"
WAYS = {
    NETWORK_ALONE: Way(with_matches=False, with_context=True),
    "with matches": Way(with_matches=True, with_context=True),
    "with matches, without other files": Way(with_matches=True, with_context=False),
}


def main() -> None:
    arguments = parse_arguments()
    state = State(arguments.state.expanduser())
    files = corpus.load(state, corpus.HELD_OUT_FILE)
    cases = {task: draw(files, task, arguments.cases) for task in arguments.tasks}
    figures: dict[str, Any] = {"cases_per_task": arguments.cases}
    for folder in arguments.bundles:
        ways = WAYS if folder == arguments.bundles[0] else {NETWORK_ALONE: WAYS[NETWORK_ALONE]}
        figures[folder.name] = evaluate_bundle(folder, files, cases, ways)
    if arguments.ngram_tokens:
        tokenizer = Tokenizer.open(arguments.bundles[0] / "tokenizer.json")
        figures["baselines"] = evaluate_baselines(state, tokenizer, arguments.ngram_tokens, cases)
    print(f"wrote {record(arguments.name, figures)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+", help="the first in every way, the others alone")
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--cases", type=int, default=200, help="holes a task")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--ngram-tokens", type=int, default=0, help="count baselines on so many training tokens")
    parser.add_argument("--name", default="embedded_model", help="of the file in benchmarks/results")
    return parser.parse_args()


def evaluate_bundle(
    folder: Path, files: list[corpus.SourceFile], cases: dict[str, list[Case]], ways: dict[str, Way]
) -> dict[str, Any]:
    """Reading, then every task in each way."""
    figures: dict[str, Any] = {"reading": read(folder, files, N_WINDOWS)}
    show(folder.name, {"reading": figures["reading"]})
    for name, way in ways.items():
        with open_engine(folder, with_matches=way.with_matches) as engine:
            writer = ModelWriter(engine, with_context=way.with_context)
            figures[name] = {task: score(writer, task, drawn) for task, drawn in cases.items()}
        show(f"{folder.name}, {name}", figures[name])
    return figures


def evaluate_baselines(
    state: State, tokenizer: Tokenizer, n_tokens: int, cases: dict[str, list[Case]]
) -> dict[str, Any]:
    """The same holes, filled without a network."""
    row_tokens = pack.ROW_TOKENS[0]
    rows = pack.open_rows(state, 0, row_tokens)[: n_tokens // row_tokens]
    makers: dict[str, Callable[[], Writer]] = {
        "n-gram": lambda: NgramWriter(tokenizer, rows),
        "copy of the longest match": CopyWriter,
    }
    figures = {}
    for name, make in makers.items():
        writer = make()
        figures[name] = {task: score(writer, task, drawn) for task, drawn in cases.items()}
        show(name, figures[name])
    figures["jedi, first name"] = {"after dot": score(JediWriter(), "after dot", cases["after dot"])}
    show("jedi, first name", figures["jedi, first name"])
    return figures


def score(writer: Writer, task: str, cases: list[Case]) -> dict[str, float]:
    """Exact matches, likeness, and how often the surest quarter is right."""
    judged, likeness = [], 0.0
    for case in cases:
        suggestion = writer.write(case, task)
        suggested, expected = wanted_part(task, suggestion.text), wanted_part(task, case.expected)
        judged.append((suggestion.confidence, suggested == expected))
        likeness += similarity(suggested, expected)
    return {
        "exact": round(sum(right for _, right in judged) / len(cases), 4),
        "similarity": round(likeness / len(cases), 4),
        f"exact_at_{COVERAGE:.0%}_coverage": round(precision_at_coverage(judged, COVERAGE), 4),
    }


def show(name: str, figures: dict[str, dict[str, float]]) -> None:
    print(name)
    for task, found in figures.items():
        print(f"  {task:32}", "  ".join(f"{figure} {value}" for figure, value in found.items()))


if __name__ == "__main__":
    main()
