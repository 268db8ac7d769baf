"""The same typing through the engine and through llama.cpp, which keeps the common beginning of each prompt too.

What llama.cpp's server does with `cache_prompt` is done in this process, without its HTTP: the cache is rewound to
what the new prompt shares with the last one, the rest is read, and then the most probable tokens are taken to the
end of the line. Same weights, same prompts, key by key in turn; the engine heals torn words and mixes in what the
text said before, and goes on with what was generated where the user typed just that.

With `--server` it is llama.cpp's own server on the loopback, its HTTP included; it ends a line before its first
line break, also where that comes first.

Needs `llama-cpp-python`, built from its source for this machine (its default), and `gguf`.

python benchmarks/engine/typing_against_llama.py [--server LLAMA-SERVER]
"""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import mean, median
from typing import Any, Protocol

import numpy as np
from gguf_bundle import write_gguf
from llama import Llama
from workload import MAX_TOKENS, Place, arguments, line_end, opened, percentile, record, sources, typing

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import resolve_bundle
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.manifest import TOKENIZER_NAME, read_manifest
from devstral_ls.engine.prompts import InfillPrompts
from devstral_ls.engine.tokenizer import Tokenizer, Tokens

START_S = 60.0


class Completer(Protocol):
    """llama.cpp with one prompt in its cache."""

    def complete(self, place: Place) -> dict[str, float]:
        """Milliseconds to the first token and to the whole line, tokenising included, and what was read."""
        ...


class Prompts:
    """Of one bundle, as its model was trained on them."""

    def __init__(self, folder: Path) -> None:
        manifest = read_manifest(folder)
        self.window_tokens = manifest.window_tokens
        self.tokenizer = Tokenizer.open(folder / TOKENIZER_NAME)
        self._formats = InfillPrompts(manifest.prompt_formats["infill"], self.tokenizer, manifest.bos_token_id)
        self.ends = set(manifest.eos_token_ids) | set(self._formats.stop_tokens)

    def tokens(self, place: Place) -> Tokens:
        return self._formats.render(place.request().prompt, self.window_tokens - MAX_TOKENS)


class Library:
    """llama.cpp in this process."""

    def __init__(self, prompts: Prompts, weights: Path, n_threads: int) -> None:
        self._prompts = prompts
        self._llama = Llama(weights, n_threads=n_threads, window_tokens=prompts.window_tokens, flash=True)
        self._tokenizer, self._ends = prompts.tokenizer, prompts.ends
        self._held = np.empty(0, np.int64)

    def complete(self, place: Place) -> dict[str, float]:
        """See `Completer`."""
        start_s = time.perf_counter()
        tokens = self._prompts.tokens(place)
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


class Served:
    """llama.cpp's server, spoken to over a connection that stays open."""

    def __init__(self, prompts: Prompts, port: int) -> None:
        self._prompts = prompts
        self._connection = HTTPConnection("127.0.0.1", port, timeout=START_S)

    def is_ready(self) -> bool:
        try:
            return self._asked("GET", "/health")["status"] == "ok"
        except (OSError, KeyError):
            self._connection.close()
            return False

    def complete(self, place: Place) -> dict[str, float]:
        """See `Completer`; the time to the first token is the server's own account of reading the prompt."""
        start_s = time.perf_counter()
        question = {
            "prompt": self._prompts.tokens(place).tolist(),
            "n_predict": MAX_TOKENS,
            "cache_prompt": True,
            "samplers": ["top_k"],
            "top_k": 1,
            "stop": ["\n"],
        }
        answer = self._asked("POST", "/completion", question)
        total_ms = 1e3 * (time.perf_counter() - start_s)
        told = answer["timings"]
        return {
            "first_token_ms": told["prompt_ms"],
            "total_ms": total_ms,
            "read": told["prompt_n"],
            "written": told["predicted_n"],
        }

    def _asked(self, method: str, path: str, question: object = None) -> dict[str, Any]:
        body = None if question is None else json.dumps(question)
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return answer


@contextmanager
def serving(program: Path, prompts: Prompts, weights: Path, n_threads: int) -> Iterator[Served]:
    """llama.cpp's server with these weights, on a free port of the loopback, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    options = {
        "--model": weights,
        "--host": "127.0.0.1",
        "--port": port,
        "--threads": n_threads,
        "--threads-http": 1,
        "--ctx-size": prompts.window_tokens,
        "--parallel": 1,
        "--flash-attn": "on",
    }
    words = [str(program), "--no-webui", *(str(word) for pair in options.items() for word in pair)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        served, end_s = Served(prompts, port), time.monotonic() + START_S
        while not served.is_ready():
            if server.poll() is not None or end_s < time.monotonic():
                raise SystemExit(f"{program} does not serve; exit code {server.poll()}")
            time.sleep(0.1)
        yield served
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--server", type=Path, help="llama.cpp's server, instead of its library")
    given = parser.parse_args()
    engine = opened(given)
    folder, n_threads = resolve_bundle(given.model), int(str(engine.facts()["n_threads"]))
    with tempfile.TemporaryDirectory() as scratch:
        weights = Path(scratch) / "model.gguf"
        write_gguf(folder, weights)
        prompts = Prompts(folder)
        if given.server is None:
            compare(engine, Library(prompts, weights, n_threads), "engine_typing_against_llama")
        else:
            with serving(given.server, prompts, weights, n_threads) as llama:
                compare(engine, llama, "engine_typing_against_llama_server")
    engine.close()


def compare(engine: Engine, llama: Completer, name: str) -> None:
    """Each key through both, in turn."""
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
    print(record(name, figures).read_text())


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
