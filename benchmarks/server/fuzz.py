"""Run random conversations and broken streams against the server, by the ten thousand.

python benchmarks/server/fuzz.py [N [WORKERS [MINUTES]]]
"""

import asyncio
import logging
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests/server"), str(ROOT / "benchmarks")]

from fuzzing import converse, converse_broken, quiet_pygls  # noqa: E402 - in tests/server
from record import record  # noqa: E402 - in benchmarks

from devstral_ls.engine import scripted_engine  # noqa: E402
from devstral_ls.engine.engine import Engine  # noqa: E402

SAID = {"return": " a + b", "import ": "os", "xs = ": "[1, 2, 3]"}
KINDS: dict[str, Callable[[int, Engine], Awaitable[list[str]]]] = {
    "conversations": converse,
    "streams": converse_broken,
}
_BATCH = 250


def main() -> None:
    n, n_workers, minutes = (int(given) for given in (*sys.argv[1:], *("100000", "2", "60")[len(sys.argv) - 1 :]))
    batches = [(kind, start, min(start + _BATCH, n)) for start in range(0, n, _BATCH) for kind in KINDS]
    until_s = time.monotonic() + 60 * minutes
    figures: dict[str, Any] = {kind: {"ran": 0, "wrong": {}} for kind in KINDS}
    with multiprocessing.get_context("spawn").Pool(n_workers) as pool:
        for kind, n_ran, wrong in pool.imap_unordered(run_batch, batches):
            figures[kind]["ran"] += n_ran
            figures[kind]["wrong"] |= wrong
            if until_s < time.monotonic():
                pool.terminate()
                break
    print(record("server_fuzz", {"wanted": n, **figures}))


def run_batch(batch: tuple[str, int, int]) -> tuple[str, int, dict[int, list[str]]]:
    """All seeds of a batch: how many ran, and what was wrong with which."""
    quiet_pygls()
    logging.getLogger().addHandler(logging.NullHandler())  # our log is watched, not printed
    kind, start, end = batch
    return kind, end - start, asyncio.run(wrong_by_seed(KINDS[kind], range(start, end)))


async def wrong_by_seed(talk: Callable[[int, Engine], Awaitable[list[str]]], seeds: range) -> dict[int, list[str]]:
    engine = scripted_engine(SAID)
    found: dict[int, list[str]] = {}
    for seed in seeds:
        try:
            wrong = await talk(seed, engine)
        except Exception as error:  # noqa: BLE001 - a crash is what is looked for
            wrong = [f"raised {error!r}"]
        if wrong:
            found[seed] = wrong
    engine.close()
    return found


if __name__ == "__main__":
    main()
