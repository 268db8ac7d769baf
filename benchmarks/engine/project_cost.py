"""What repeating the project costs: a line's tokens with and without the project mixed in, and the memory it takes.

The other Python files of a folder, up to what an editor's neighbourhood holds, are learned; then lines at the same
places are generated with and without naming them, in turn, one thread. The texts differ, so it is time a token.

python benchmarks/engine/project_cost.py --project FOLDER
"""

import gc
import time
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from workload import arguments, opened, percentile, record, rss_mib

from devstral_ls.cancel import CancelToken
from devstral_ls.context import Sources, Workspace
from devstral_ls.engine.request import GenerationRequest, InfillPrompt
from devstral_ls.features.project import teach
from devstral_ls.text import Document

ROUNDS = 7
N_PLACES = 24
N_TOKENS = 24
PROMPT_CHARACTERS = 3_000
NUMBERS = count()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--project", type=Path, required=True)
    given = parser.parse_args()
    given.threads = given.threads or 1
    root = given.project.resolve()
    files = sorted(path for path in root.rglob("*.py") if 2 * PROMPT_CHARACTERS <= path.stat().st_size)[:N_PLACES]
    prompts = [prompt(path, root) for path in files]
    with Workspace((root,), libraries=()) as workspace:
        engine = opened(given)
        try:
            figures = measure(engine, prompts, document_of(files[0], root), workspace)
        finally:
            engine.close()
    print(record("engine_project_cost", {"threads": given.threads, "rounds": ROUNDS, **figures}).read_text())


def document_of(path: Path, root: Path) -> Document:
    return Document(path.as_uri(), path.read_text("utf-8"), path=path.relative_to(root).as_posix())


def prompt(path: Path, root: Path) -> InfillPrompt:
    text = path.read_text("utf-8")
    middle = text.index("\n", len(text) // 2) + 1
    before, after = text[max(0, middle - PROMPT_CHARACTERS) : middle], text[middle : middle + PROMPT_CHARACTERS // 4]
    return InfillPrompt((), path.relative_to(root).as_posix(), after, "", before)


def measure(engine: Any, prompts: list[InfillPrompt], document: Document, workspace: Workspace) -> dict[str, Any]:
    write(engine, prompts[0], "")
    gc.collect()
    before_mib, start_s = rss_mib(), time.perf_counter()
    neighbours = workspace.neighbourhood.collect(document)
    teach(document, engine, Sources(workspace=workspace))
    learning_s = time.perf_counter() - start_s
    gc.collect()
    after_mib = rss_mib()
    seconds: dict[str, list[list[float]]] = {"alone": [], "with the project": []}
    for each in prompts:
        write(engine, each, "")  # read once: what is timed is writing
        times: dict[str, list[float]] = {way: [] for way in seconds}
        for _ in range(ROUNDS):
            for way, key in (("alone", ""), ("with the project", neighbours.key)):
                times[way].append(write(engine, each, key))
        for way, rows in seconds.items():
            rows.append(times[way])
    a_token = {way: [1e3 * median(times) for times in rows] for way, rows in seconds.items()}
    ratios = [b / a for a, b in zip(a_token["alone"], a_token["with the project"], strict=True)]
    return {
        "n_places": len(prompts),
        "project_characters": sum(map(len, neighbours.texts)),
        "learning_s": round(learning_s, 2),
        "resident_mib": {"before": round(before_mib, 1), "after": round(after_mib, 1)},
        "ms_a_token": {way: round(median(times), 3) for way, times in a_token.items()},
        "ratio": {"median": round(median(ratios), 3), "p95": round(percentile(ratios, 95), 3)},
    }


def write(engine: Any, given: InfillPrompt, project: str) -> float:
    """Seconds a token of writing, the reading of the prompt left out; under a new key, so that nothing is adopted."""
    request = GenerationRequest(prompt=given, key=str(next(NUMBERS)), max_tokens=N_TOKENS, project=project)
    metrics = engine.generate_blocking(request, CancelToken()).metrics
    return 1e-3 * (metrics.total_ms - metrics.prefill_ms - metrics.queue_ms) / max(1, metrics.n_generated_tokens)


if __name__ == "__main__":
    main()
