"""Decode and prefill by threads and depth, Python's share, and how far the memory is from its limit.

Python's share is what passes outside of the runtime's own call: of a plain step, and of
whole suggestions as the server asks for them, which also mix in what the text said before.

python benchmarks/engine/decode.py
"""

import json
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from workload import Place, arguments, record, sources

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import open_engine, resolve_bundle
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.manifest import GRAPH_NAME, WEIGHTS_NAME, Manifest, read_manifest
from devstral_ls.engine.prefix_cache import PrefixCache
from devstral_ls.engine.request import Sampling
from devstral_ls.engine.sampling import Sampler
from devstral_ls.engine.stream import Pace, Stream
from devstral_ls.engine.tokenizer import Tokens

ROUNDS = 5
N_STEPS = 48
DEPTHS = (256, 1024, 4096)
PREFILLS = (512, 2048)
STREAM_BYTES = 256 << 20
GEMM_SIZE = 1024
N_PROFILED = 200
N_PLACES = 24
SUGGESTION_TOKENS = 48


def main() -> None:
    given = arguments(__doc__).parse_args()
    folder = resolve_bundle(given.model)
    manifest = read_manifest(folder)
    threads = [given.threads] if given.threads else [1, 2]
    backends = {n: open_backend(folder, manifest, provider="cpu", n_threads=n) for n in threads}
    depths = [depth for depth in DEPTHS if depth + N_STEPS <= manifest.window_tokens]
    prefills = [n for n in PREFILLS if n <= manifest.window_tokens]
    rounds = [{n: one_round(backends[n], folder, n, depths, prefills) for n in threads} for _ in range(ROUNDS)]
    weights_bytes = (folder / WEIGHTS_NAME).stat().st_size
    figures = {
        "model": manifest.name,
        "precision": manifest.precision,
        "parameters": manifest.n_parameters,
        "active_parameters": manifest.n_active_parameters,
        "memory_read_gb_per_s": round(memory_speed() / 1e9, 1),
        "float32_gemm_gflop_per_s_one_thread": round(gemm_speed(1) / 1e9, 1),
        "step_at_256_us_by_operator": step_profile(folder, manifest, 256),
        "float32_products_of_a_prefilled_token_mflop": round(2e-6 * layer_weights(folder, manifest), 2),
        "rounds": ROUNDS,
        **{f"threads_{n}": told([found[n] for found in rounds], manifest, weights_bytes) for n in threads},
    }
    print(record("engine_decode", figures).read_text())


def one_round(
    backend: OrtBackend, folder: Path, n_threads: int, depths: list[int], prefills: list[int]
) -> dict[str, Any]:
    total = 0.0 if read_manifest(folder).log_probabilities else None
    decoded = {depth: decode(backend, depth, total) for depth in depths}
    return {
        "decode_tokens_per_s": {depth: each["tokens_per_s"] for depth, each in decoded.items()},
        "python_share_of_a_step": decoded[depths[0]]["python_share"],
        "prefill_tokens_per_s": {n: prefill(backend, n) for n in prefills},
        **suggestions(folder, n_threads),
    }


@dataclass(slots=True)
class Clock:
    """Seconds of the runtime, and of all."""

    runtime_s: float = 0.0
    whole_s: float = 0.0

    @property
    def python_share(self) -> float:
        return 1 - self.runtime_s / self.whole_s


@contextmanager
def clocked(clock: Clock) -> Iterator[None]:
    """Count what passes meanwhile, and inside the call that runs a graph."""
    run = ort.InferenceSession.run_with_iobinding

    def timed(*given: Any) -> Any:
        start_s = time.perf_counter()
        found = run(*given)
        clock.runtime_s += time.perf_counter() - start_s
        return found

    ort.InferenceSession.run_with_iobinding = timed
    start_s = time.perf_counter()
    yield
    clock.whole_s += time.perf_counter() - start_s
    ort.InferenceSession.run_with_iobinding = run


def decode(backend: OrtBackend, depth: int, total: float | None) -> dict[str, float]:
    """Greedy steps behind a prompt of this length, through the engine's stream and sampler."""
    prompt = random_tokens(backend.vocab_size, depth)
    stream = Stream(backend, fresh_slot(backend, prompt), CancelToken(), pace=Pace())
    deque(stream.prefill(prompt), maxlen=0)
    sampler, clock = Sampler(Sampling()), Clock()
    token = int(prompt[0])
    for _ in range(4):
        stream.advance(token)
    with clocked(clock):
        for _ in range(N_STEPS - 4):
            token, _ = sampler.choose(stream.advance(token), total=total)
    return {"tokens_per_s": (N_STEPS - 4) / clock.whole_s, "python_share": clock.python_share}


def suggestions(folder: Path, n_threads: int) -> dict[str, float]:
    """What the engine is asked for in an editor, without and with drafts; each prompt has been read before."""
    found = {}
    for name, speculates in {"without_drafts": False, "with_drafts": True}.items():
        engine, clock, n_tokens = open_engine(folder, n_threads=n_threads, speculates=speculates), Clock(), 0
        for place in places():
            request = replace(place.request(SUGGESTION_TOKENS), stop=None)
            engine.prefill(request).result()
            with clocked(clock):
                n_tokens += engine.generate_blocking(request, CancelToken()).metrics.n_generated_tokens
        engine.close()
        found[f"python_share_of_suggestions_{name}"] = clock.python_share
        found[f"suggested_tokens_per_s_{name}"] = n_tokens / clock.whole_s
    return found


def places() -> Iterator[Place]:
    """Cursors spread over real files, with some lines on either side."""
    for name, text in sources().items():
        lines = text.splitlines(keepends=True)
        for at in np.linspace(100, len(lines) - 40, N_PLACES // len(sources()), dtype=int):
            yield Place(name, "".join(lines[at - 80 : at]), "\n" + "".join(lines[at + 4 : at + 30]), is_jump=True)


def prefill(backend: OrtBackend, n_tokens: int) -> float:
    """Tokens a second of a whole prompt in one cancellable chunk after the other."""
    prompt, pace = random_tokens(backend.vocab_size, n_tokens), Pace()
    pace.learn(512, 0.05)
    stream = Stream(backend, fresh_slot(backend, prompt), CancelToken(), pace=pace)
    start_s = time.perf_counter()
    deque(stream.prefill(prompt), maxlen=0)
    return n_tokens / (time.perf_counter() - start_s)


def told(rounds: list[dict[str, Any]], manifest: Manifest, weights_bytes: int) -> dict[str, Any]:
    def middle(kind: str) -> dict[str, float]:
        return {str(n): round(median(found[kind][n] for found in rounds)) for n in rounds[0][kind]}

    decoding = middle("decode_tokens_per_s")
    active_bytes = weights_bytes * manifest.n_active_parameters / manifest.n_parameters
    read = {depth: active_bytes + int(depth) * manifest.kv_bytes_per_token for depth in decoding}
    return {
        "decode_tokens_per_s": decoding,
        "decode_reads_gb_per_s": {depth: round(decoding[depth] * read[depth] / 1e9, 2) for depth in decoding},
        "prefill_tokens_per_s": middle("prefill_tokens_per_s"),
        **{key: round(median(found[key] for found in rounds), 4) for key in rounds[0] if key.startswith("python_")},
        **{key: round(median(found[key] for found in rounds)) for key in rounds[0] if key.startswith("suggested_")},
    }


def fresh_slot(backend: Any, prompt: Tokens) -> Any:
    return PrefixCache(backend, limit_bytes=1 << 34, bytes_per_token=1).lease(prompt)


def random_tokens(vocab_size: int, n: int) -> Tokens:
    return np.random.default_rng(n).integers(40, vocab_size, n)


def step_profile(folder: Path, manifest: Manifest, depth: int) -> dict[str, float]:
    """Where the runtime spends a step on one thread; the profile itself costs a little at each node."""
    with tempfile.TemporaryDirectory() as scratch:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(scratch) / "step")
        session = ort.InferenceSession(str(folder / GRAPH_NAME), options, providers=["CPUExecutionProvider"])
        backend, prompt = OrtBackend(session, manifest, "cpu"), random_tokens(manifest.vocab_size, depth)
        cache = backend.new_cache(manifest.window_tokens)
        backend.logits(cache, prompt, n_past=0, n_logits=1, cancel=CancelToken())
        for _ in range(N_PROFILED):
            backend.logits(cache, prompt[:1], n_past=depth, n_logits=1, cancel=CancelToken())
        events = json.loads(Path(session.end_profiling()).read_text())
    runs = [event for event in events if event["name"] == "model_run"][-N_PROFILED:]
    found: Counter[str] = Counter(whole=sum(event["dur"] for event in runs))
    for event in events:
        if event["cat"] == "Node" and runs[0]["ts"] <= event["ts"] and "op_name" in event["args"]:
            found[event["args"]["op_name"]] += event["dur"]
    return {name: round(spent / N_PROFILED, 1) for name, spent in found.most_common()}


def layer_weights(folder: Path, manifest: Manifest) -> int:
    """Weights that each token of a prefill is multiplied with: all active ones but the table at both ends."""
    graph = onnx.load(folder / GRAPH_NAME, load_external_data=False).graph
    (hidden,) = next(tensor.dims for tensor in graph.initializer if tensor.name == "norm.weight")
    return int(manifest.n_active_parameters - manifest.vocab_size * hidden)


def gemm_speed(n_threads: int) -> float:
    """Floating-point operations a second that the runtime's own float32 product of large matrices reaches."""
    product = onnx.helper.make_node("MatMul", ["a", "b"], ["c"])
    square = [onnx.helper.make_tensor_value_info(name, 1, [GEMM_SIZE, GEMM_SIZE]) for name in "abc"]
    graph = onnx.helper.make_graph([product], "product", square[:2], square[2:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    matrices = dict.fromkeys("ab", np.ones((GEMM_SIZE, GEMM_SIZE), np.float32))
    times = []
    for _ in range(8):
        start_s = time.perf_counter()
        session.run(None, matrices)
        times.append(time.perf_counter() - start_s)
    return 2 * GEMM_SIZE**3 / min(times)


def memory_speed() -> float:
    """Bytes a second that one thread reads from memory at best."""
    block = np.ones(STREAM_BYTES // 8)
    times = []
    for _ in range(5):
        start_s = time.perf_counter()
        block.max()
        times.append(time.perf_counter() - start_s)
    return STREAM_BYTES / min(times)


if __name__ == "__main__":
    main()
