"""What the context is worth to the embedded model: held-out lines that need another file, completed with and without.

    python benchmarks/context/with_model.py --write

The lines are those of the recall table, in the packages that the model was never trained on. The text around the
line is the same each time; what else the prompt shows is nothing, more of the same text, what each method of the
recall table shows, or what we show: within the same budget, counted by the model's own tokenizer. Decoding is
greedy, to the end of the line.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from baselines import BASELINES
from gold import gold_of
from recall import COUNTS, Case, Repository, Shown, case_of, open_repository, our_packs
from record import record

from devstral_ls.cancel import CancelToken
from devstral_ls.context.pack import pieces_of
from devstral_ls.context.skeleton import render_skeleton
from devstral_ls.context.windows import prefix_window, suffix_window
from devstral_ls.engine import embedded_bundle, open_engine
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.manifest import WEIGHTS_NAME, read_manifest
from devstral_ls.engine.request import Block, GenerationRequest, InfillPrompt
from devstral_ls.features.scores import interval

# Held out of the embedded model's training (onnx_export/pretrain/sources.py).
REPOSITORIES = ("tornado==6.5.2", "scrapy==2.13.3", "celery==5.5.3")
N_LINES = 40
STABLE_TOKENS = 1_024
PREFIX_TOKENS, SUFFIX_TOKENS = 512, 256
MAX_LINE_TOKENS = 48
AS_SIGNATURES = frozenset({"pagerank"})  # the others show whole source text

MEASURES = ("exact", "similarity", "has_names")

Show = Callable[[Case, Repository], Sequence[Block]]


def nothing(_case: Case, _repository: Repository) -> Sequence[Block]:
    return ()


def ours(case: Case, repository: Repository) -> Sequence[Block]:
    return [Block(piece.path, piece.text) for piece in pieces_of(our_packs(case, repository)(STABLE_TOKENS))]


def shown_by_baseline(name: str) -> Show:
    def show(case: Case, repository: Repository) -> Sequence[Block]:
        shown = BASELINES[name](case, repository)(STABLE_TOKENS)
        written = _signatures if name in AS_SIGNATURES else _lines
        return list(written(shown, repository))

    return show


def _lines(shown: Shown, repository: Repository) -> Iterator[Block]:
    for path, numbers in _by_path(shown):
        lines = repository.texts[path].split("\n")
        yield Block(path, "\n".join(lines[number] for number in numbers))


def _signatures(shown: Shown, repository: Repository) -> Iterator[Block]:
    for path, numbers in _by_path(shown):
        outline = repository.records[path].outline
        symbols = [row for row, symbol in enumerate(outline.symbols) if symbol.first_line in numbers]
        yield Block(path, render_skeleton(outline, symbols))


def _by_path(shown: Shown) -> Iterator[tuple[str, list[int]]]:
    for path in sorted({path for path, _ in shown}):
        yield path, sorted(number for other, number in shown if other == path)


def completed(case: Case, blocks: Iterable[Block], engine: Engine, prefix_tokens: int = PREFIX_TOKENS) -> str:
    """What the model writes in place of the held-out line."""
    prompt = InfillPrompt(
        stable=tuple(blocks),
        title=case.held_out.path,
        suffix=suffix_window(case.place, SUFFIX_TOKENS, COUNTS),
        volatile="",
        prefix=prefix_window(case.place, prefix_tokens, COUNTS),
    )
    request = GenerationRequest(prompt=prompt, key="", max_tokens=MAX_LINE_TOKENS, stop=_line_end)
    said = engine.generate_blocking(request, CancelToken()).completions
    return said[0].text.strip() if said else ""


def _line_end(text: str) -> int | None:
    found = text.find("\n", len(text) - len(text.lstrip()))
    return None if found < 0 else found


def rows_of(requirement: str, n_lines: int, engine: Engine) -> Iterator[dict[str, Any]]:
    """Every line of a repository, completed in every way."""
    ways = {"nothing": nothing, **{name: shown_by_baseline(name) for name in BASELINES}, "ours": ours}
    repository = open_repository(requirement)
    for held_out in gold_of(requirement, n_lines):
        case = case_of(held_out, repository, strict=False)
        expected = repository.texts[held_out.path].split("\n")[held_out.line].strip()
        said = {name: completed(case, show(case, repository), engine) for name, show in ways.items()}
        said["own text"] = completed(case, (), engine, PREFIX_TOKENS + STABLE_TOKENS)
        yield {
            "repository": requirement,
            "exact": {name: text == expected for name, text in said.items()},
            "similarity": {name: _similarity(text, expected) for name, text in said.items()},
            "has_names": {name: all(each.name in text for each in held_out.gold) for name, text in said.items()},
        }


def _similarity(text: str, expected: str) -> float:
    return round(SequenceMatcher(None, text, expected, autojunk=False).ratio(), 3)


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares and their 95 % intervals, by what is shown."""
    ways = rows[0]["exact"]
    return {
        "weights_sha256": read_manifest(embedded_bundle()).files[WEIGHTS_NAME].sha256,
        "n_lines": len(rows),
        "stable_tokens": STABLE_TOKENS,
        "ways": {name: {each: _interval([row[each][name] for row in rows]) for each in MEASURES} for name in ways},
        "ours_against": {
            name: {each: _interval([row[each]["ours"] - row[each][name] for row in rows]) for each in MEASURES}
            for name in ways
            if name != "ours"
        },
        "rows": list(rows),
    }


def _interval(values: Sequence[float]) -> list[float]:
    found = interval(values)
    return [round(found.mean, 4), round(found.low, 4), round(found.high, 4)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", nargs="*", default=list(REPOSITORIES))
    parser.add_argument("--n-lines", type=int, default=N_LINES)
    parser.add_argument("--write", action="store_true", help="Keep the figures as results/context_with_model.json")
    arguments = parser.parse_args()
    engine = open_engine(embedded_bundle())
    COUNTS.use(engine.count_tokens)
    rows: list[dict[str, Any]] = []
    for requirement in arguments.repositories:
        rows += rows_of(requirement, arguments.n_lines, engine)
        print(requirement, figures(rows)["ways"], flush=True)
        if arguments.write:
            record("context_with_model", figures(rows))
    engine.close()


if __name__ == "__main__":
    main()
