"""Keys and values in eight bits against float32: speed by depth, and what the text loses.

ONNX Runtime's attention reads and writes an int8 cache with one scale a tensor or one a channel. The embedded model
is exported with a window of 8,192; its attention nodes are then told to keep int8, with the largest keys and values
of the text as scales. That text is also what is judged, so what is lost is the least that could be. A B C A B C.

python benchmarks/engine/int8_cache.py
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from wide_window import export_embedded
from workload import record, sources

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import OrtBackend, OrtCache, open_session
from devstral_ls.engine.manifest import GRAPH_NAME, TOKENIZER_NAME, Manifest, read_manifest
from devstral_ls.engine.tokenizer import Tokenizer, Tokens

ROUNDS = 7
N_STEPS = 32
DEPTHS = (256, 1024, 4096)
PREFILLS = (512, 2048)
CHUNK_TOKENS = 512
WINDOW_TOKENS = 8192
JUDGED_TOKENS = 4096
SCALES = {"float32": None, "int8_per_tensor": "PER_TENSOR", "int8_per_channel": "PER_CHANNEL"}

Largest = dict[str, NDArray[np.float32]]  # by cache, [n_kv_heads, head_dim]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = export_embedded(Path(scratch), precision="int8", window_tokens=WINDOW_TOKENS)
        text = Tokenizer.open(folder / TOKENIZER_NAME).encode("".join(sources().values()))
        largest = largest_cached(folder, text[:JUDGED_TOKENS])
        for name, kind in SCALES.items():
            if kind is not None:
                write_graph(folder, name, kind, largest)
        figures = {
            "model": f"embedded, window {WINDOW_TOKENS:,}",
            "rounds": given.rounds,
            "bytes_per_token": {"float32": read_manifest(folder).kv_bytes_per_token, "int8": bytes_in_int8(folder)},
            "nats_per_token": {name: round(nats(opened(folder, name, 2), text), 4) for name in SCALES},
            "over_float32": {str(n): race(folder, text, n, given.rounds) for n in (1, 2)},
        }
    print(record("engine_int8_cache", figures).read_text())


def bytes_in_int8(folder: Path) -> int:
    return read_manifest(folder).kv_bytes_per_token // 4


def graph_name(name: str) -> str:
    return GRAPH_NAME if SCALES[name] is None else f"{name}.onnx"


def opened(folder: Path, name: str, n_threads: int) -> OrtBackend:
    manifest: Manifest = read_manifest(folder)
    if SCALES[name] is not None:
        manifest = replace(manifest, kv_dtype="int8", kv_bytes_per_token=bytes_in_int8(folder))
    session = open_session(folder, provider="cpu", n_threads=n_threads, graph=graph_name(name))
    return OrtBackend(session, manifest, "cpu")


def largest_cached(folder: Path, tokens: Tokens) -> Largest:
    """The largest key or value of each channel that this text makes."""
    backend = opened(folder, "float32", 2)
    cache = backend.new_cache(WINDOW_TOKENS)
    read_all(backend, cache, tokens)
    return {name: np.abs(buffer.numpy()[0, :, : len(tokens)]).max(axis=1) for name, buffer in cache.layers.items()}


def write_graph(folder: Path, name: str, kind: str, largest: Largest) -> None:
    """The same graph with an int8 cache."""
    model = onnx.load(folder / GRAPH_NAME, load_external_data=False)
    graph = model.graph
    for value in (*graph.input, *graph.output):
        if value.name.startswith(("past_key_values.", "present.")):
            value.type.tensor_type.elem_type = TensorProto.INT8
    for node in graph.node:
        if node.op_type == "GroupQueryAttention":
            scale_cache(graph, node, kind, largest)
    onnx.save(model, folder / graph_name(name))


def scale_cache(graph: onnx.GraphProto, node: onnx.NodeProto, kind: str, largest: Largest) -> None:
    node.input.extend([""] * (12 - len(node.input)))  # k_scale and v_scale are inputs 12 and 13
    node.attribute.append(helper.make_attribute("kv_cache_bit_width", 8))
    for part in ("key", "value"):
        cache = next(output for output in node.output if output.endswith(part)).removeprefix("present.")
        peak = largest[cache]
        whole = np.array([peak.max()]) if kind == "PER_TENSOR" else peak[None, :, None, :]
        graph.initializer.append(numpy_helper.from_array((whole / 127).astype(np.float32), f"{cache}.scale"))
        node.input.append(f"{cache}.scale")
        node.attribute.append(helper.make_attribute(f"{part[0]}_quant_type", kind))


def read(backend: OrtBackend, cache: OrtCache, tokens: Tokens, n_logits: int = 1) -> Iterator[NDArray[np.float32]]:
    """Logits behind the last tokens of each chunk."""
    for start in range(0, len(tokens), CHUNK_TOKENS):
        chunk = tokens[start : start + CHUNK_TOKENS]
        n_rows = min(n_logits, len(chunk))
        yield backend.logits(cache, chunk, n_past=start, n_logits=n_rows, cancel=CancelToken())


def nats(backend: OrtBackend, text: Tokens) -> float:
    """What each token of the text costs."""
    rows = read(backend, backend.new_cache(WINDOW_TOKENS), text[:JUDGED_TOKENS], CHUNK_TOKENS)
    chances = np.concatenate([chunk.copy() for chunk in rows])  # log-probabilities
    return -float(np.mean(chances[np.arange(JUDGED_TOKENS - 1), text[1:JUDGED_TOKENS]]))


def race(folder: Path, text: Tokens, n_threads: int, n_rounds: int) -> dict[str, dict[str, Any]]:
    """Median over the rounds of float32's time over each one's, so that more is faster."""
    backends = {name: opened(folder, name, n_threads) for name in SCALES}
    caches = {name: backend.new_cache(WINDOW_TOKENS) for name, backend in backends.items()}
    for name, backend in backends.items():
        read_all(backend, caches[name], text[: DEPTHS[-1]])
    found: dict[str, dict[str, Any]] = {}
    for cell, measure in cells(text):
        rounds = [{name: measure(backends[name], caches[name]) for name in SCALES} for _ in range(1 + n_rounds)][1:]
        found[cell] = {
            "float32_us_per_token": round(median(each["float32"] for each in rounds), 1),
            **{
                name: round(median(each["float32"] / each[name] for each in rounds), 3)
                for name in SCALES
                if name != "float32"
            },
        }
    return found


def cells(text: Tokens) -> Iterator[tuple[str, Callable[[OrtBackend, OrtCache], float]]]:
    """Decoding first, since prefills overwrite the beginning with the same."""
    for depth in DEPTHS:
        yield f"decode_{depth}", lambda backend, cache, depth=depth: decode(backend, cache, text, depth)
    for n_tokens in PREFILLS:
        yield f"prefill_{n_tokens}", lambda backend, cache, n=n_tokens: read_all(backend, cache, text[:n])


def decode(backend: OrtBackend, cache: OrtCache, text: Tokens, depth: int) -> float:
    """Microseconds a token."""
    start_s = time.perf_counter()
    for n_past in range(depth, depth + N_STEPS):
        backend.logits(cache, text[n_past : n_past + 1], n_past=n_past, n_logits=1, cancel=CancelToken())
    return 1e6 * (time.perf_counter() - start_s) / N_STEPS


def read_all(backend: OrtBackend, cache: OrtCache, tokens: Tokens) -> float:
    """Microseconds a token."""
    start_s = time.perf_counter()
    for _ in read(backend, cache, tokens):
        pass
    return 1e6 * (time.perf_counter() - start_s) / len(tokens)


if __name__ == "__main__":
    main()
