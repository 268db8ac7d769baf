"""Somebody types in six real files: what each keystroke costs, through the engine and its cache.

python benchmarks/engine/typing_replay.py
"""

from argparse import Namespace
from statistics import mean, median
from typing import Any

from workload import Place, arguments, opened, percentile, record, sources, typing

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import Metrics


def main() -> None:
    given = arguments(__doc__).parse_args()
    places = [place for seed, file in enumerate(sources().items()) for place in typing(*file, seed)]
    engine = opened(given)
    answered = [(place, answer(engine, place)) for place in places]
    typed = [metrics for place, metrics in answered if not place.is_jump]
    computed = [metrics for metrics in typed if not metrics.is_adopted]
    cold = [first_answer(given, place) for place in places if place.is_jump]
    figures = {
        "model": engine.facts()["model"],
        "threads": engine.facts()["n_threads"],
        "keystrokes": told(typed),
        "keystrokes_not_adopted": told(computed),
        "jumps": told([metrics for place, metrics in answered if place.is_jump]),
        "cold": told(cold),
        "cold_over_warm_first_token": ratio(cold, computed),
    }
    engine.close()
    print(record("engine_typing", figures).read_text())


def answer(engine: Engine, place: Place) -> Metrics:
    return engine.generate_blocking(place.request(), CancelToken()).metrics


def first_answer(given: Namespace, place: Place) -> Metrics:
    """The same request as the first of a loaded engine."""
    engine = opened(given)
    answer(engine, Place("warm.py", "import os\n", "\n", is_jump=True))
    metrics = answer(engine, place)
    engine.close()
    return metrics


def told(metrics: list[Metrics]) -> dict[str, Any]:
    prefilled = [each.n_prefilled_tokens for each in metrics]
    return {
        "requests": len(metrics),
        "adopted": sum(each.is_adopted for each in metrics),
        "prompt_tokens_median": median(each.n_prompt_tokens for each in metrics),
        "prefilled_tokens_median": median(prefilled),
        "prefilled_tokens_mean": round(mean(prefilled), 1),
        "prefilled_tokens_p90": percentile(prefilled, 90),
        "generated_tokens_median": median(each.n_generated_tokens for each in metrics),
        "first_token_ms_p50": round(percentile([each.first_token_ms for each in metrics], 50), 2),
        "first_token_ms_p95": round(percentile([each.first_token_ms for each in metrics], 95), 2),
        "total_ms_p50": round(percentile([each.total_ms for each in metrics], 50), 2),
        "total_ms_p95": round(percentile([each.total_ms for each in metrics], 95), 2),
    }


def ratio(cold: list[Metrics], warm: list[Metrics]) -> float:
    return round(median(each.first_token_ms for each in cold) / median(each.first_token_ms for each in warm), 1)


if __name__ == "__main__":
    main()
