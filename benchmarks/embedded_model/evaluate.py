"""How good the embedded model is on packages it never saw: `python benchmarks/embedded_model/evaluate.py BUNDLE`.

Needs the corpus that `python -m onnx_export.pretrain corpus` leaves in its state folder.
"""

import argparse
import math
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import TASKS, Case, draw, neighbours_in
from reading import read
from scoring import calibration, precision_at_coverage, similarity, wanted_part
from writers import CopyWriter, Jedi, JediWriter, ModelWriter, NgramWriter, RankedNamesWriter, Writer, open_engine

from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.pretrain import corpus, pack
from onnx_export.pretrain.sources import HELD_OUT
from onnx_export.pretrain.state import DEFAULT_ROOT, State

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

COVERAGE = 0.25
N_BUCKETS = 8
AFTER_DOT = "after dot"
RANKED = "jedi's names, ranked by the model"
N_WINDOWS = 100


@dataclass(frozen=True, slots=True)
class Way:
    """What a model is given beside its prompt's own file."""

    with_matches: bool
    with_context: bool
    with_package: bool = False


NETWORK_ALONE, AS_SHIPPED = "network alone", "with matches and the package"
WAYS = {
    NETWORK_ALONE: Way(with_matches=False, with_context=True),
    AS_SHIPPED: Way(with_matches=True, with_context=True, with_package=True),
    "with matches": Way(with_matches=True, with_context=True),
    "with matches, without other files": Way(with_matches=True, with_context=False),
}


def main() -> None:
    arguments = parse_arguments()
    state = State(arguments.state.expanduser())
    files = corpus.load(state, corpus.HELD_OUT_FILE)
    cases = {task: draw(files, task, arguments.cases) for task in arguments.tasks}
    figures: dict[str, Any] = {"cases_per_task": arguments.cases}
    with unpacked_packages(state) as folder_of_packages:
        jedi = Jedi(folder_of_packages)
        for folder in arguments.bundles:
            ways = WAYS if folder == arguments.bundles[0] else {NETWORK_ALONE: WAYS[NETWORK_ALONE]}
            ways = {name: way for name, way in ways.items() if name in arguments.ways}
            figures[folder.name] = evaluate_bundle(folder, files, cases, ways, jedi)
        if arguments.ngram_tokens:
            tokenizer = Tokenizer.open(arguments.bundles[0] / "tokenizer.json")
            figures["baselines"] = evaluate_baselines(state, tokenizer, arguments.ngram_tokens, cases, jedi)
    print(f"wrote {record(arguments.name, figures)}")


@contextmanager
def unpacked_packages(state: State) -> Iterator[Path]:
    """The held-out packages as they lie when they are installed."""
    with tempfile.TemporaryDirectory() as folder:
        for package in HELD_OUT:
            wheel = corpus.wheel_of(state, package)
            assert wheel is not None, f"run the corpus stage first: {package.requirement} is not there"
            zipfile.ZipFile(wheel).extractall(folder)
        yield Path(folder)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+", help="the first in every way, the others alone")
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--cases", type=int, default=200, help="holes a task")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--ngram-tokens", type=int, default=0, help="count baselines on so many training tokens")
    parser.add_argument("--name", default="embedded_model", help="of the file in benchmarks/results")
    return parser.parse_args()


def evaluate_bundle(
    folder: Path, files: list[corpus.SourceFile], cases: dict[str, list[Case]], ways: dict[str, Way], jedi: Jedi
) -> dict[str, Any]:
    """Reading, then every task in each way."""
    figures: dict[str, Any] = {"reading": read(folder, files, N_WINDOWS)}
    show(folder.name, {"reading": figures["reading"]})
    for name, way in ways.items():
        with open_engine(folder, with_matches=way.with_matches) as engine:
            neighbours = neighbours_in(files) if way.with_package else None
            writer = ModelWriter(engine, with_context=way.with_context, neighbours=neighbours)
            figures[name] = {task: score(writer, task, drawn) for task, drawn in cases.items()}
            show(f"{folder.name}, {name}", figures[name])
            if name == AS_SHIPPED and AFTER_DOT in cases:
                figures[RANKED] = {AFTER_DOT: score_ranked(RankedNamesWriter(writer, jedi), cases[AFTER_DOT])}
                show(f"{folder.name}, {RANKED}", figures[RANKED])
    return figures


def score_ranked(writer: RankedNamesWriter, cases: list[Case]) -> dict[str, Any]:
    """The model's choice among jedi's names, and how often the author's is one of them at all."""
    found = score(writer, AFTER_DOT, cases)
    return found | {"in_the_list": round(writer.n_listed / len(cases), 4)}


def evaluate_baselines(
    state: State, tokenizer: Tokenizer, n_tokens: int, cases: dict[str, list[Case]], jedi: Jedi
) -> dict[str, Any]:
    """The same holes, filled without a network."""
    row_tokens = pack.ROW_TOKENS[0]
    rows = pack.open_rows(state, pack.epochs(state)[0], row_tokens)[: n_tokens // row_tokens]
    makers: dict[str, Callable[[], Writer]] = {
        "n-gram": lambda: NgramWriter(tokenizer, rows),
        "copy of the longest match": CopyWriter,
    }
    figures = {}
    for name, make in makers.items():
        writer = make()
        figures[name] = {task: score(writer, task, drawn) for task, drawn in cases.items()}
        show(name, figures[name])
    figures["jedi, first name"] = {AFTER_DOT: score(JediWriter(jedi), AFTER_DOT, cases[AFTER_DOT])}
    show("jedi, first name", figures["jedi, first name"])
    return figures


def score(writer: Writer, task: str, cases: list[Case]) -> dict[str, Any]:
    """Exact matches, likeness, how often the surest quarter is right, and what a told chance is worth."""
    judged, told, likeness = [], [], 0.0
    for case in cases:
        suggestion = writer.write(case, task)
        suggested, expected = wanted_part(task, suggestion.text), wanted_part(task, case.expected)
        judged.append((suggestion.confidence, suggested == expected))
        told.append((math.exp(suggestion.total_logprob), suggested == expected))
        likeness += similarity(suggested, expected)
    return {
        "exact": round(sum(right for _, right in judged) / len(cases), 4),
        "similarity": round(likeness / len(cases), 4),
        f"exact_at_{COVERAGE:.0%}_coverage": round(precision_at_coverage(judged, COVERAGE), 4),
        "calibration": calibration(told, N_BUCKETS) if isinstance(writer, ModelWriter) else [],
    }


def show(name: str, figures: dict[str, dict[str, Any]]) -> None:
    print(name)
    for task, found in figures.items():
        shown = (f"{figure} {value}" for figure, value in found.items() if isinstance(value, float))
        print(f"  {task:32}", "  ".join(shown), flush=True)


if __name__ == "__main__":
    main()
