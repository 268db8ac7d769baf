"""How soon after a cancel the engine is free again, at any moment of prefill and decode.

python benchmarks/engine/cancel.py
"""

import random
import threading
import time
from typing import Any

from workload import Place, arguments, opened, percentile, record, sources

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.engine import Engine

N_CANCELS = 60


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cancels", type=int, default=N_CANCELS)
    given = parser.parse_args()
    engine = opened(given)
    rng = random.Random(1)
    texts = list(sources().values())
    engine.generate_blocking(Place("warm.py", "x", "", is_jump=True).request(), CancelToken())
    # A new title is a new beginning, so each request prefills its whole prompt.
    requests = [Place(f"{n}.py", texts[n % len(texts)][: 20_000 + n], "\n", is_jump=True) for n in range(given.cancels)]
    whole_ms = [timed(engine, place) for place in requests[:3]]
    waits = [cancelled_ms(engine, place, rng.uniform(0, max(whole_ms))) for place in requests[3:]]
    figures: dict[str, Any] = {
        "model": engine.facts()["model"],
        "threads": engine.facts()["n_threads"],
        "whole_request_ms": [round(ms, 1) for ms in whole_ms],
        "cancelled_while_running": sum(running for _, running in waits),
        "cancel_to_idle_ms_p50": round(percentile([ms for ms, running in waits if running], 50), 2),
        "cancel_to_idle_ms_p95": round(percentile([ms for ms, running in waits if running], 95), 2),
    }
    engine.close()
    print(record("engine_cancel", figures).read_text())


def timed(engine: Engine, place: Place) -> float:
    return engine.generate_blocking(place.request(max_tokens=64), CancelToken()).metrics.total_ms


def cancelled_ms(engine: Engine, place: Place, after_ms: float) -> tuple[float, bool]:
    """From the cancel to the answer, and whether the request was still running then."""
    cancel = CancelToken()
    answered = threading.Event()
    threading.Thread(
        target=lambda: (engine.generate_blocking(place.request(max_tokens=64), cancel), answered.set())
    ).start()
    was_done = answered.wait(after_ms / 1e3)
    start_s = time.perf_counter()
    cancel.cancel()
    answered.wait()
    return (time.perf_counter() - start_s) * 1e3, not was_done


if __name__ == "__main__":
    main()
