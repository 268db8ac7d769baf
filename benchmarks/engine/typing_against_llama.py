"""The same typing through the engine and through llama.cpp, which keeps the common beginning of each prompt too.

What llama.cpp's server does with `cache_prompt` is done in this process, without its HTTP: the cache is rewound to
what the new prompt shares with the last one, the rest is read, and then the most probable tokens are taken to the
end of the line. Same weights, same prompts, key by key in turn; the engine heals torn words and mixes in what the
text said before, and goes on with what was generated where the user typed just that.

Needs `llama-cpp-python`, built from its source for this machine (its default), and `gguf`.

python benchmarks/engine/typing_against_llama.py
"""

import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from gguf_bundle import write_gguf
from llama import Llama
from workload import MAX_TOKENS, Place, arguments, line_end, opened, percentile, record, sources, typing

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import resolve_bundle
from devstral_ls.engine.manifest import TOKENIZER_NAME, read_manifest
from devstral_ls.engine.prompts import InfillPrompts
from devstral_ls.engine.tokenizer import Tokenizer, Tokens


class Completer:
    """llama.cpp with one prompt in its cache."""

    def __init__(self, folder: Path, scratch: Path, n_threads: int) -> None:
        manifest = read_manifest(folder)
        write_gguf(folder, scratch / "model.gguf")
        self._window_tokens = manifest.window_tokens
        self._llama = Llama(scratch / "model.gguf", n_threads=n_threads, window_tokens=self._window_tokens, flash=True)
        self._tokenizer = Tokenizer.open(folder / TOKENIZER_NAME)
        self._prompts = InfillPrompts(manifest.prompt_formats["infill"], self._tokenizer, manifest.bos_token_id)
        self._ends = set(manifest.eos_token_ids) | set(self._prompts.stop_tokens)
        self._held = np.empty(0, np.int64)

    def complete(self, place: Place) -> dict[str, float]:
        """Milliseconds to the first token and to the whole line, tokenising included, and what was read."""
        start_s = time.perf_counter()
        tokens = self._prompts.render(place.request().prompt, self._window_tokens - MAX_TOKENS)
        shared = min(n_shared(self._held, tokens), len(tokens) - 1)
        self._llama.rewind(shared)
        token = int(self._llama.logits(tokens[shared:], n_past=shared)[0].argmax())
        first_ms = 1e3 * (time.perf_counter() - start_s)
        said = self._line(tokens, token)
        self._held = np.concatenate([tokens, np.array(said[:-1], np.int64)])
        total_ms = 1e3 * (time.perf_counter() - start_s)
        return {"first_token_ms": first_ms, "total_ms": total_ms, "read": len(tokens) - shared, "written": len(said)}

    def _line(self, tokens: Tokens, token: int) -> list[int]:
        said = [token]
        while token not in self._ends and len(said) < MAX_TOKENS and line_end(self._tokenizer.text(said)) is None:
            past = len(tokens) + len(said) - 1
            token = int(self._llama.logits(np.array([token]), n_past=past)[0].argmax())
            said.append(token)
        return said


def main() -> None:
    given = arguments(__doc__).parse_args()
    folder = resolve_bundle(given.model)
    engine = opened(given)
    with tempfile.TemporaryDirectory() as scratch:
        llama = Completer(folder, Path(scratch), int(str(engine.facts()["n_threads"])))
        ours, theirs = [], []
        for seed, file in enumerate(sources().items()):
            for place in typing(*file, seed):
                metrics = engine.generate_blocking(place.request(), CancelToken()).metrics
                answer = llama.complete(place)
                if not place.is_jump:
                    ours.append(ours_told(metrics))
                    theirs.append(answer)
    figures = {
        "model": engine.facts()["model"],
        "threads": engine.facts()["n_threads"],
        "keystrokes": len(ours),
        "ours": told(ours),
        "llama_cpp": told(theirs),
        "theirs_over_ours": {
            kind: round(mean(each[kind] for each in theirs) / mean(each[kind] for each in ours), 2)
            for kind in ("first_token_ms", "total_ms")
        },
    }
    engine.close()
    print(record("engine_typing_against_llama", figures).read_text())


def ours_told(metrics: Any) -> dict[str, float]:
    return {
        "first_token_ms": metrics.first_token_ms,
        "total_ms": metrics.total_ms,
        "read": metrics.n_prefilled_tokens,
        "written": metrics.n_generated_tokens,
    }


def told(answers: list[dict[str, float]]) -> dict[str, float]:
    figures: dict[str, float] = {
        f"{kind}_{name}": round(percentile([each[kind] for each in answers], percent), 2)
        for kind in ("first_token_ms", "total_ms")
        for name, percent in {"p50": 50, "p95": 95}.items()
    }
    means = {f"{kind}_mean": round(mean(each[kind] for each in answers), 2) for kind in ("first_token_ms", "total_ms")}
    return {
        **figures,
        **means,
        "read_tokens_median": median(each["read"] for each in answers),
        "read_tokens_mean": round(mean(each["read"] for each in answers), 1),
        "written_tokens_mean": round(mean(each["written"] for each in answers), 1),
    }


def n_shared(left: Tokens, right: Tokens) -> int:
    """How many tokens both begin with."""
    n = min(len(left), len(right))
    differs = np.flatnonzero(left[:n] != right[:n])
    return int(differs[0]) if len(differs) else n


if __name__ == "__main__":
    main()
