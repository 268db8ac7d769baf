"""A process that shares an engine: a JSON line in is a question, a JSON line out is the answer.

Its argument: {"offline": …, "limits": {…}, "wanted": {…}}, each of them optional.
"""

import json
import sys
from dataclasses import replace
from typing import Any

from devstral_ls import sharing
from devstral_ls.cancel import CancelToken
from devstral_ls.engine import embedded_bundle
from devstral_ls.engine.request import GenerationRequest, InfillPrompt, Priority, Sampling
from devstral_ls.offline import seal
from devstral_ls.sharing.limits import Limits


def main(options: dict[str, Any]) -> None:
    if options.get("offline"):
        seal()
    if changed := options.get("wanted"):
        found = sharing.wanted_engine
        sharing.wanted_engine = lambda *given, **named: replace(found(*given, **named), **changed)
    engine = sharing.open_shared_engine(embedded_bundle(), n_threads=1, limits=Limits(**options.get("limits", {})))
    for line in sys.stdin:
        print(json.dumps(answered(engine, json.loads(line))), flush=True)  # noqa: T201 - its answer


def answered(engine: Any, asked: dict[str, Any]) -> dict[str, Any]:
    request = GenerationRequest(
        prompt=InfillPrompt((), "a.py", "\n", "", asked["prefix"]),
        key="a.py",
        priority=Priority.FIX if asked.get("is_fix") else Priority.TYPING,
        max_tokens=asked.get("max_tokens", 12),
        n_best=asked.get("n_drawn", 1),
        sampling=Sampling(temperature=1.0 if "n_drawn" in asked else 0.0),
        cost=(lambda _text, _ends: 0.0) if asked.get("has_cost") else None,
    )
    generation = engine.generate_blocking(request, CancelToken())
    is_shared = engine.facts()["is_shared"]
    state = sharing.look(embedded_bundle(), n_threads=1)
    return {
        "texts": [each.text for each in generation.completions],
        "finish": generation.metrics.finish,
        "is_shared": is_shared,
        "pid": state and state["pid"],
        "clients": state and state["clients"],
    }


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
