"""What adapting to a repository gains: `python benchmarks/embedded_model/finetune_gain.py BEFORE AFTER REPO`.

AFTER is what `python -m onnx_export.pretrain finetune REPO --out AFTER` made of BEFORE.
Only the repository's held-out files are asked about, and, as a price, the other held-out packages of the corpus.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from cases import draw
from evaluate import score
from reading import read
from writers import ModelWriter, open_engine

from devstral_ls.engine.manifest import read_manifest
from onnx_export.pretrain import corpus, repository
from onnx_export.pretrain.state import DEFAULT_ROOT, State

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

TASKS = ("rest of line", "next line", "after dot")


def main() -> None:
    arguments = parse_arguments()
    learnt, held_out = repository.read([arguments.repository])
    everything = corpus.load(State(arguments.state.expanduser()), corpus.HELD_OUT_FILE)
    others = [file for file in everything if file.source != arguments.repository.resolve().name]
    cases = {task: draw([*learnt, *held_out], task, arguments.cases, of=held_out) for task in TASKS}
    figures: dict[str, Any] = {
        "repository": arguments.repository.resolve().name,
        "files": {"learnt": len(learnt), "held out": len(held_out)},
        "tokens_learnt": read_manifest(arguments.after).provenance["finetune_tokens"],
        "cases_per_task": arguments.cases,
    }
    for when, folder in (("before", arguments.before), ("after", arguments.after)):
        figures[when] = {
            "its held-out files": read(folder, held_out, arguments.windows),
            "other packages": read(folder, others, arguments.windows),
        }
        for name, with_matches in (("network alone", False), ("with matches", True)):
            with open_engine(folder, with_matches=with_matches) as engine:
                writer = ModelWriter(engine, with_context=True)
                exact = {task: score(writer, task, drawn)["exact"] for task, drawn in cases.items()}
            figures[when][f"exact, {name}"] = exact
        print(when, figures[when], flush=True)
    name = f"embedded_model_finetune_{figures['repository']}"
    print(f"wrote {record(name, figures)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--cases", type=int, default=100, help="holes a task")
    parser.add_argument("--windows", type=int, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    main()
