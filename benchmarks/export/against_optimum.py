"""Both routes side by side on the same checkpoints: prefill, decode, size, and what an export costs.

python benchmarks/export/against_optimum.py prepare FOLDER --optimum PYTHON   (that of the extra `optimum`)
python benchmarks/export/against_optimum.py measure FOLDER
"""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "export"))
import tiny
from record import record

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import load_runtime
from devstral_ls.engine.backends import Backend
from devstral_ls.engine.manifest import read_manifest

VOCAB, HIDDEN, N_LAYERS, N_HEADS, N_KV_HEADS, HEAD_DIM = 8192, 512, 2, 8, 4, 64
N_EXPERTS, N_ACTIVE, EXPERT = 64, 8, 256
INNER = 2048
BUNDLES = ("optimum", "fp32", "int8", "int4")
N_PREFILL, N_DECODED, N_ROUNDS, N_THREADS = 256, 24, 7, 2

Shapes = dict[str, tuple[int, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["prepare", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--optimum", help="interpreter of the environment that has the extra `optimum`")
    arguments = parser.parse_args()
    if arguments.step == "prepare":
        for name, model in (("qwen3_moe", mixture()), ("qwen2", dense())):
            prepare(model, arguments.folder / name, arguments.optimum)
        return
    shape = {"experts": f"{N_ACTIVE} of {N_EXPERTS}", "layers": N_LAYERS, "hidden": HIDDEN, "threads": N_THREADS}
    figures = {name: measure(arguments.folder / name) for name in ("qwen3_moe", "qwen2")}
    told = {"prefilled": N_PREFILL, "decoded": N_DECODED, "rounds": N_ROUNDS, "model": shape}
    print(json.dumps(figures, indent=2))
    print(record("export_against_optimum", told | figures))


def mixture() -> tiny.TinyModel:
    model = tiny.read_tiny("qwen3_moe_unnormalised")
    config = {"num_experts": N_EXPERTS, "num_experts_per_tok": N_ACTIVE, "moe_intermediate_size": EXPERT}
    layer: Shapes = {"mlp.gate.weight": (N_EXPERTS, HIDDEN)}
    for norm in ("q_norm", "k_norm"):
        layer[f"self_attn.{norm}.weight"] = (HEAD_DIM,)
    for index in range(N_EXPERTS):
        layer |= gated(f"mlp.experts.{index}.", EXPERT)
    return enlarged(model, config | {"num_local_experts": N_EXPERTS}, layer)


def dense() -> tiny.TinyModel:
    model = tiny.read_tiny("qwen2")
    layer = gated("mlp.", INNER)
    for name, heads in (("q", N_HEADS), ("k", N_KV_HEADS), ("v", N_KV_HEADS)):
        layer[f"self_attn.{name}_proj.bias"] = (heads * HEAD_DIM,)
    return enlarged(model, {"intermediate_size": INNER, "tie_word_embeddings": False}, layer)


def gated(at: str, inner: int) -> Shapes:
    return {
        f"{at}gate_proj.weight": (inner, HIDDEN),
        f"{at}up_proj.weight": (inner, HIDDEN),
        f"{at}down_proj.weight": (HIDDEN, inner),
    }


def enlarged(model: tiny.TinyModel, config: dict[str, object], layer: Shapes) -> tiny.TinyModel:
    """The same family with layers that are worth timing."""
    layer = layer | {f"{name}_layernorm.weight": (HIDDEN,) for name in ("input", "post_attention")}
    for name, heads in (("q", N_HEADS), ("k", N_KV_HEADS), ("v", N_KV_HEADS)):
        layer[f"self_attn.{name}_proj.weight"] = (heads * HEAD_DIM, HIDDEN)
    layer["self_attn.o_proj.weight"] = (HIDDEN, N_HEADS * HEAD_DIM)
    shapes = {f"model.layers.{index}.{name}": shape for index in range(N_LAYERS) for name, shape in layer.items()}
    shapes |= dict.fromkeys(("model.embed_tokens.weight", "lm_head.weight"), (VOCAB, HIDDEN))
    shapes["model.norm.weight"] = (HIDDEN,)
    sizes = {"hidden_size": HIDDEN, "vocab_size": VOCAB, "num_hidden_layers": N_LAYERS, "head_dim": HEAD_DIM}
    heads = {"num_attention_heads": N_HEADS, "num_key_value_heads": N_KV_HEADS, "max_position_embeddings": 2048}
    layers = {"layer_types": ["full_attention"] * N_LAYERS, "max_window_layers": N_LAYERS}
    return replace(model, config=model.config | sizes | heads | layers | config, shapes=shapes)


def prepare(model: tiny.TinyModel, folder: Path, optimum: str) -> None:
    checkpoint = model.write(folder / "checkpoint")
    for name in BUNDLES:
        if (folder / name).exists():
            continue  # an earlier run was interrupted
        python, options = (optimum, ("--route", name)) if name == "optimum" else (sys.executable, ("--precision", name))
        spent = cost([python, "-m", "onnx_export", str(checkpoint), str(folder / name), *options])
        (folder / f"{name}.cost.json").write_text(json.dumps(spent))


def cost(command: list[str]) -> dict[str, float]:
    """Processor time and peak memory of an export."""
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    assert status == 0
    return {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "peak_mb": round(usage.ru_maxrss * 1024 / 1e6)}


def measure(folder: Path) -> dict[str, object]:
    """All bundles in turn, round by round, so that whatever else runs disturbs them alike."""
    backends, load_s = {}, {}
    for name in BUNDLES:
        start = time.perf_counter()
        backends[name] = open_bundle(folder / name)
        load_s[name] = round(time.perf_counter() - start, 2)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in BUNDLES}
    for number in range(N_ROUNDS + 1):
        for name, backend in backends.items():
            both = prefill_and_decode(backend)
            if number:  # the first one warms up
                times[name].append(both)
    medians = {
        name: {
            "prefill_ms": round(statistics.median(each for each, _ in of) * 1e3, 2),
            "decode_ms_per_token": round(statistics.median(each for _, each in of) * 1e3, 3),
        }
        for name, of in times.items()
    }
    sizes = {name: sum(path.stat().st_size for path in (folder / name).iterdir()) / 1e6 for name in BUNDLES}
    return {
        "load_s": load_s,
        "median": medians,
        "optimum_takes_times": {
            name: {
                phase: round(medians["optimum"][phase] / medians[name][phase], 2)
                for phase in ("prefill_ms", "decode_ms_per_token")
            }
            for name in BUNDLES[1:]
        },
        "nodes": {name: n_nodes(folder / name) for name in ("optimum", "fp32")},
        "megabytes": {name: round(size, 1) for name, size in sizes.items()},
        "export": {path.name.split(".")[0]: json.loads(path.read_text()) for path in folder.glob("*.cost.json")},
    }


def n_nodes(folder: Path) -> int:
    import onnx  # noqa: PLC0415 - not while timing

    return len(onnx.load(folder / "model.onnx", load_external_data=False).graph.node)


def open_bundle(folder: Path) -> Backend:
    manifest = read_manifest(folder)
    backend: Backend = load_runtime(manifest.kv_layout).open_backend(
        folder, manifest, provider="cpu", n_threads=N_THREADS
    )
    return backend


def prefill_and_decode(backend: Backend) -> tuple[float, float]:
    """Seconds for the prompt, and for each token after it; tokens that choose different experts."""
    tokens = np.random.RandomState(0).randint(0, VOCAB, N_PREFILL + N_DECODED).astype(np.int64)
    cache, cancel = backend.new_cache(N_PREFILL + N_DECODED), CancelToken()
    start = time.perf_counter()
    backend.logits(cache, tokens[:N_PREFILL], n_past=0, n_logits=1, cancel=cancel)
    prefilled = time.perf_counter()
    for index in range(N_PREFILL, len(tokens)):
        backend.logits(cache, tokens[index : index + 1], n_past=index, n_logits=1, cancel=cancel)
    return prefilled - start, (time.perf_counter() - prefilled) / N_DECODED


if __name__ == "__main__":
    main()
