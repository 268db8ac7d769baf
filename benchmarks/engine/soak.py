"""Two documents, random typing, jumping, cancelling, saving: nothing leaks and every request is answered once.

python benchmarks/engine/soak.py --minutes 10
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from workload import Place, arguments, opened, percentile, record, rss_mib, sources, typing

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import FinishReason, Generation

# How long somebody waits between two keys, and how often the editor takes a request back.
KEY_WAIT_S = (0.01, 0.15)
CANCEL_SHARE = 0.2
PREFILL_SHARE = 0.02


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    engine = opened(given)
    figures = asyncio.run(soak(engine, given.minutes * 60))
    engine.close()
    print(record("engine_soak", {"model": engine.facts()["model"], "minutes": given.minutes, **figures}).read_text())


async def soak(engine: Engine, seconds: float) -> dict[str, Any]:
    end_s = time.monotonic() + seconds
    found = Found()
    await asyncio.gather(*(write(engine, name, end_s, found) for name in list(sources())[:2]))
    quarter = max(1, len(found.memory_mib) // 4)
    return {
        "requests": sum(found.reasons.values()),
        "answered_more_than_once": sum(1 < n for n in found.numbers.values()),
        "finish": dict(found.reasons),
        "total_ms_p50": round(percentile(found.answered_ms, 50), 1),
        "total_ms_p95": round(percentile(found.answered_ms, 95), 1),
        "rss_mib_max_by_quarter": [max(found.memory_mib[n * quarter : (n + 1) * quarter]) for n in range(4)],
        "parked_caches_mib_max_by_quarter": [max(found.parked_mib[n * quarter : (n + 1) * quarter]) for n in range(4)],
    }


@dataclass(slots=True)
class Found:
    """Only numbers are kept, so that what grows is the engine."""

    reasons: Counter[str] = field(default_factory=Counter)
    numbers: Counter[int] = field(default_factory=Counter)
    answered_ms: list[float] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    parked_mib: list[int] = field(default_factory=list)

    def add(self, generation: Generation, parked_mib: int) -> None:
        metrics = generation.metrics
        self.reasons[metrics.finish.value] += 1
        self.numbers[metrics.request_number] += 1
        if generation.completions and metrics.finish is not FinishReason.SUPERSEDED:
            self.answered_ms.append(metrics.total_ms)
        self.memory_mib.append(rss_mib())
        self.parked_mib.append(parked_mib)


async def write(engine: Engine, name: str, end_s: float, found: Found) -> None:
    """Type until the time is over; every request is awaited."""
    rng = random.Random(name)
    seed = 0
    async with asyncio.TaskGroup() as group:
        while time.monotonic() < end_s:
            seed += 1
            for place in typing(name, sources()[name], seed):
                if end_s < time.monotonic():
                    break
                group.create_task(one_key(engine, place, rng, found))
                await asyncio.sleep(rng.uniform(*KEY_WAIT_S))


async def one_key(engine: Engine, place: Place, rng: random.Random, found: Found) -> None:
    cancel = CancelToken()
    if rng.random() < CANCEL_SHARE:
        asyncio.get_running_loop().call_later(rng.uniform(0, 0.1), cancel.cancel)
    if rng.random() < PREFILL_SHARE:
        engine.prefill(place.request())
    generation = await engine.generate(place.request(), cancel)
    found.add(generation, engine.facts()["caches"].get("mib", 0))


if __name__ == "__main__":
    main()
