"""What a loaded engine costs while nobody types: processor time and memory.

python benchmarks/engine/idle.py
"""

import threading
import time

from workload import Place, arguments, opened, record, rss_mib, sources

from devstral_ls.cancel import CancelToken

IDLE_S = 20.0


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=IDLE_S)
    given = parser.parse_args()
    before_mib = rss_mib()
    engine = opened(given)
    for name, text in sources().items():
        engine.generate_blocking(Place(name, text[:6000], "\n", is_jump=True).request(), CancelToken())
    busy_s, start_s = time.process_time(), time.perf_counter()
    threading.Event().wait(given.seconds)
    share = (time.process_time() - busy_s) / (time.perf_counter() - start_s)
    figures = {
        "model": engine.facts()["model"],
        "threads": engine.facts()["n_threads"],
        "idle_cpu_percent": round(100 * share, 3),
        "rss_before_the_engine_mib": before_mib,
        "rss_loaded_mib": rss_mib(),
        "caches": engine.facts()["caches"],
    }
    engine.close()
    print(record("engine_idle", figures).read_text())


if __name__ == "__main__":
    main()
