"""One thread or two, beside nobody and beside programs that take a core each: what the engine's choice rests on.

Each round measures both in turn, decoding behind 256 tokens and a prefill of 512; medians of the ratios.

python benchmarks/engine/threads.py
"""

import argparse
import multiprocessing
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from workload import record

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import EMBEDDED_NAME, resolve_bundle
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.engine import choose_threads
from devstral_ls.engine.manifest import read_manifest
from devstral_ls.engine.prefix_cache import PrefixCache
from devstral_ls.engine.stream import Pace, Stream

ROUNDS = 9
N_STEPS = 48
DEPTH = 256
PREFILL = 512
THREADS = (1, 2)
BUSY = (0, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    folder = resolve_bundle(EMBEDDED_NAME)
    backends = {n: opened(folder, n) for n in THREADS}
    figures: dict[str, Any] = {"rounds": given.rounds, "chosen_before": choose_threads(0)}
    for n_busy in BUSY:
        with busy(n_busy):
            rounds = [{n: measure(backend) for n, backend in backends.items()} for _ in range(1 + given.rounds)][1:]
        figures[f"beside_{n_busy}"] = told(rounds)
    print(record("engine_threads", figures).read_text())


def opened(folder: Path, n_threads: int) -> OrtBackend:
    return open_backend(folder, read_manifest(folder), provider="cpu", n_threads=n_threads)


@contextmanager
def busy(n: int) -> Iterator[None]:
    """So many programs that never wait."""
    programs = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(n)]
    for each in programs:
        each.start()
    yield
    for each in programs:
        each.kill()
        each.join()


def _spin() -> None:
    while True:
        pass


def measure(backend: OrtBackend) -> dict[str, float]:
    """Tokens a second of both kinds of work."""
    tokens, pace = np.random.default_rng(1).integers(40, backend.vocab_size, PREFILL), Pace()
    pace.learn(PREFILL, 0.01)
    slot = PrefixCache(backend, limit_bytes=1 << 34, bytes_per_token=1).lease(tokens)
    stream = Stream(backend, slot, CancelToken(), pace=pace)
    start_s = time.perf_counter()
    deque(stream.prefill(tokens), maxlen=0)
    read_s = time.perf_counter() - start_s
    stream.rewind(DEPTH)
    start_s = time.perf_counter()
    for token in tokens[:N_STEPS].tolist():
        stream.advance(token)
    return {"decode": N_STEPS / (time.perf_counter() - start_s), "prefill": PREFILL / read_s}


def told(rounds: list[dict[int, dict[str, float]]]) -> dict[str, dict[str, float]]:
    one, two = THREADS
    return {
        kind: {
            **{f"tokens_per_s_{n}": round(median(found[n][kind] for found in rounds)) for n in THREADS},
            "two_over_one": round(median(found[two][kind] / found[one][kind] for found in rounds), 3),
        }
        for kind in ("decode", "prefill")
    }


if __name__ == "__main__":
    main()
