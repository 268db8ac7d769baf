"""The engine against llama.cpp on the same weights: the embedded model in int8 and int4, with a wider window.

The bundles are converted without rounding anything again (`gguf_bundle.py`), and first it is looked at whether
both say the same. Then each cell is timed A B C A B C: ours through the engine's own stream, llama.cpp through
`llama_decode` with and without flash attention, of which the faster one counts. Both read the same text token
by token and both take the argmax of the logits in numpy.

Needs `llama-cpp-python`, built from its source for this machine (its default), and `gguf`.

python benchmarks/engine/against_llama.py
"""

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any, Protocol

import numpy as np
from gguf_bundle import write_gguf
from llama import Llama
from wide_window import export_embedded
from workload import record, sources

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.manifest import TOKENIZER_NAME, read_manifest
from devstral_ls.engine.prefix_cache import PrefixCache
from devstral_ls.engine.stream import Pace, Stream
from devstral_ls.engine.tokenizer import Tokenizer, Tokens

ROUNDS = 7
N_STEPS = 64
DEPTHS = (256, 1024, 4096)
PREFILLS = (512, 2048)
WINDOW_TOKENS = 8192
COMPARED_TOKENS = 1024


class Contender(Protocol):
    """Reads tokens behind a position, and steps one token at a time."""

    def read(self, tokens: Tokens) -> None: ...

    def step(self, token: int, n_past: int) -> int: ...

    def rewind(self, n_tokens: int) -> None: ...


class Ours:
    """The engine's stream on a leased cache."""

    def __init__(self, backend: OrtBackend) -> None:
        slot = PrefixCache(backend, limit_bytes=1 << 34, bytes_per_token=1).lease(np.zeros(1, np.int64))
        pace = Pace()
        pace.learn(512, 0.02)
        self._stream = Stream(backend, slot, CancelToken(), pace=pace)

    def read(self, tokens: Tokens) -> None:
        deque(self._stream.prefill(tokens), maxlen=0)

    def step(self, token: int, n_past: int) -> int:
        del n_past  # the stream knows
        return int(self._stream.advance(token).argmax())

    def rewind(self, n_tokens: int) -> None:
        self._stream.rewind(n_tokens)


class Theirs:
    """One context of llama.cpp."""

    def __init__(self, llama: Llama) -> None:
        self._llama = llama
        self._one = np.zeros(1, np.int64)

    def read(self, tokens: Tokens) -> None:
        self._llama.rewind(0)
        self._llama.logits(tokens, n_past=0)

    def step(self, token: int, n_past: int) -> int:
        self._one[0] = token
        return int(self._llama.logits(self._one, n_past=n_past)[0].argmax())

    def rewind(self, n_tokens: int) -> None:
        self._llama.rewind(n_tokens)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: tokens a second of one kind of work."""

    name: str
    measure: Callable[[Contender, Tokens], float]
    prepare: Callable[[Contender, Tokens], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = {precision: one_precision(Path(scratch), precision, given.rounds) for precision in ("int8", "int4")}
    ratios = [cell["ratio"] for each in found.values() for cells in each["threads"].values() for cell in cells.values()]
    figures = {
        "model": "embedded, window 8,192",
        "llama_cpp_python": version("llama_cpp_python"),
        "rounds": given.rounds,
        "ratio_geometric_mean": round(geometric_mean(ratios), 3),
        "ratio_least": min(ratios),
        "cells_below_1": sum(ratio < 1 for ratio in ratios),
        **found,
    }
    print(record("engine_against_llama", figures).read_text())


def one_precision(scratch: Path, precision: str, n_rounds: int) -> dict[str, Any]:
    folder = export_embedded(scratch, precision=precision, window_tokens=WINDOW_TOKENS)
    path = scratch / f"{precision}.gguf"
    write_gguf(folder, path)
    text = Tokenizer.open(folder / TOKENIZER_NAME).encode("".join(sources().values()))
    return {
        "same_weights": agreement(folder, path, text[:COMPARED_TOKENS]),
        "threads": {str(n): race(opened(folder, path, n), text, n_rounds) for n in (1, 2)},
    }


def agreement(folder: Path, path: Path, tokens: Tokens) -> dict[str, float]:
    """How near both are, and as a measure of that how near llama.cpp is to itself with other kernels."""
    backend = open_backend(folder, read_manifest(folder), provider="cpu", n_threads=1)
    cache = backend.new_cache(len(tokens))
    ours = backend.logits(cache, tokens, n_past=0, n_logits=len(tokens), cancel=CancelToken())
    plain, flash = (
        Llama(path, n_threads=1, window_tokens=WINDOW_TOKENS, flash=flash)
        .logits(tokens, n_past=0, n_logits=len(tokens))
        .copy()
        for flash in (False, True)
    )
    return {
        "same_choice": round(float((ours.argmax(1) == plain.argmax(1)).mean()), 4),
        "same_choice_flash_against_plain": round(float((flash.argmax(1) == plain.argmax(1)).mean()), 4),
        "difference_median_over_deviation": round(float(np.median(np.abs(ours - plain)) / ours.std()), 5),
        "flash_against_plain": round(float(np.median(np.abs(flash - plain)) / plain.std()), 5),
    }


def opened(folder: Path, path: Path, n_threads: int) -> dict[str, Contender]:
    backend = open_backend(folder, read_manifest(folder), provider="cpu", n_threads=n_threads)
    theirs = {
        name: Theirs(Llama(path, n_threads=n_threads, window_tokens=WINDOW_TOKENS, flash=flash))
        for name, flash in {"llama_cpp": False, "llama_cpp_flash": True}.items()
    }
    return {"ours": Ours(backend), **theirs}


def race(contenders: dict[str, Contender], text: Tokens, n_rounds: int) -> dict[str, dict[str, float]]:
    return {cell.name: one_cell(cell, contenders, text, n_rounds) for cell in cells()}


def one_cell(cell: Cell, contenders: dict[str, Contender], text: Tokens, n_rounds: int) -> dict[str, float]:
    """Everyone in turn, the first round to warm up; the ratio is to the faster llama.cpp of each round."""
    for contender in contenders.values():
        cell.prepare(contender, text)
    rounds = [{name: cell.measure(each, text) for name, each in contenders.items()} for _ in range(1 + n_rounds)][1:]
    ratios = [found["ours"] / max(found["llama_cpp"], found["llama_cpp_flash"]) for found in rounds]
    speeds = {name: round(median(found[name] for found in rounds)) for name in contenders}
    return {**speeds, "ratio": round(median(ratios), 3)}


def cells() -> Iterator[Cell]:
    for depth in DEPTHS:
        yield Cell(f"decode_{depth}", decoding(depth), lambda each, text, n=depth: each.read(text[:n]))
    for n_tokens in PREFILLS:
        yield Cell(f"prefill_{n_tokens}", reading(n_tokens), lambda each, _: each.rewind(0))


def decoding(depth: int) -> Callable[[Contender, Tokens], float]:
    def measure(contender: Contender, text: Tokens) -> float:
        contender.rewind(depth)
        start_s = time.perf_counter()
        for n, token in enumerate(text[depth : depth + N_STEPS].tolist()):
            contender.step(token, depth + n)
        return N_STEPS / (time.perf_counter() - start_s)

    return measure


def reading(n_tokens: int) -> Callable[[Contender, Tokens], float]:
    def measure(contender: Contender, text: Tokens) -> float:
        contender.rewind(0)
        start_s = time.perf_counter()
        contender.read(text[:n_tokens])
        return n_tokens / (time.perf_counter() - start_s)

    return measure


if __name__ == "__main__":
    main()
