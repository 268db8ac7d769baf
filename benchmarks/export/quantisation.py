"""What quantising costs: error, bytes a weight, and the loss of a model on text that it was not trained on.

python benchmarks/export/quantisation.py [--model HF_DIR]

Without a checkpoint, the model that ships: its int8 weights, read back as floats.
"""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "export"))
import tiny
from record import record

from devstral_ls.engine.manifest import GRAPH_NAME, Manifest, read_manifest
from onnx_export import encodings
from onnx_export.encodings import blockwise
from onnx_export.encodings.blockwise import TABLE_BITS
from onnx_export.export import ExportOptions, plan_export, write_model
from onnx_export.quantize import BLOCK, Quantised, quantise
from onnx_export.verdict import GraphRunner

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "devstral_ls" / "embedded"
WINDOW_TOKENS, N_WINDOWS = 512, 40
LLAMA_CPP_BITS = {"int8": ("Q8_0", 8.5), "int4": ("Q4_0", 4.5)}

Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="checkpoint whose loss is measured at each precision")
    arguments = parser.parse_args()
    figures: dict[str, object] = {
        "relative_error": {name: errors(rows) for name, rows in samples().items()},
        "bits_per_weight": {precision: bits_per_weight(precision) for precision in LLAMA_CPP_BITS},
    }
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = arguments.model or shipped(Path(scratch, "shipped"))
        figures["model"] = losses(checkpoint) | ({} if arguments.model else as_shipped())
    print(json.dumps(figures, indent=2))
    print(record("export_quantisation", figures))


def samples() -> dict[str, Floats]:
    random = np.random.RandomState(0)
    shape = (512, 4096)
    return {
        "normal": random.standard_normal(shape).astype(np.float32),
        "heavy tails (Student, 5 degrees)": random.standard_t(5, shape).astype(np.float32),
    }


def errors(rows: Floats) -> dict[str, float]:
    return {f"int{bits}": round(relative(rows, quantise(rows, bits)), 5) for bits in (8, 4)}


def relative(rows: Floats, stored: Quantised) -> float:
    return float(np.sqrt(((stored.dequantised() - rows) ** 2).sum() / (rows**2).sum()))


def bits_per_weight(precision: str) -> dict[str, object]:
    rows = np.zeros((1, 4096), np.float32)
    stored = quantise(rows, 8 if precision == "int8" else 4)
    n_bytes = stored.packed().nbytes + stored.scales.nbytes
    name, bits = LLAMA_CPP_BITS[precision]
    return {"ours": n_bytes * 8 / rows.size, name: bits}


def losses(checkpoint: Path) -> dict[str, object]:
    """Mean loss in nats a token on this repository's own sources."""
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    windows = text_windows(tokenizer)
    rows: dict[str, object] = {"n_tokens": len(windows) * (WINDOW_TOKENS - 1), "text": "this repository's own sources"}
    for precision in encodings.PRECISIONS:
        rows[precision] = loss(checkpoint, precision, windows)
    blockwise.TABLE_BITS = 4  # the same graph with embedding and head in 4 bits, too
    rows["int4, tables too"] = loss(checkpoint, "int4", windows)
    blockwise.TABLE_BITS = TABLE_BITS
    return rows


def as_shipped() -> dict[str, object]:
    """The graph in the package itself."""
    windows = text_windows(Tokenizer.from_file(str(SHIPPED / "tokenizer.json")))
    runner = GraphRunner(SHIPPED / GRAPH_NAME, WINDOW_TOKENS, n_threads=1)
    provenance = read_manifest(SHIPPED).provenance
    return {
        "as shipped": reading([window_loss(runner, window) for window in windows], folder_megabytes(SHIPPED)),
        "checkpoint": f"the model that ships, run {provenance['run']}, int8 weights read back as floats",
    }


def shipped(folder: Path) -> Path:
    """A checkpoint of the model that ships: only its quantised weights exist here."""
    folder.mkdir()
    manifest, graph = read_manifest(SHIPPED), onnx.load(SHIPPED / GRAPH_NAME).graph
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    weights = {
        "model.norm.weight": stored["norm.weight"],
        "model.embed_tokens.weight": dequantised(stored, "embedding"),
    }
    for index in range(manifest.n_layers):
        weights |= shipped_layer(stored, manifest, f"layers.{index}", f"model.layers.{index}.")
    save_file({name: np.ascontiguousarray(value) for name, value in weights.items()}, folder / "model.safetensors")
    gate_up, hidden = stored["layers.0.feed_forward.experts.fc1.codes"], len(stored["norm.weight"])
    config = tiny.read_tiny("mixtral_tied").config | {
        "hidden_size": hidden,
        "intermediate_size": gate_up.shape[1] // 2,
        "num_hidden_layers": manifest.n_layers,
        "num_attention_heads": hidden // manifest.head_dim,
        "num_key_value_heads": manifest.n_kv_heads,
        "head_dim": manifest.head_dim,
        "num_local_experts": manifest.n_experts,
        "num_experts_per_tok": manifest.n_experts_per_token,
        "vocab_size": manifest.vocab_size,
        "max_position_embeddings": manifest.window_tokens,
    }
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copyfile(SHIPPED / "tokenizer.json", folder / "tokenizer.json")
    return folder


def shipped_layer(stored: dict[str, Any], manifest: Manifest, at: str, theirs: str) -> dict[str, Floats]:
    """One layer under the names of a Mixtral checkpoint."""
    qkv, n_kv = dequantised(stored, f"{at}.attention.qkv"), manifest.n_kv_heads * manifest.head_dim
    query, key, value = np.split(qkv, [len(qkv) - 2 * n_kv, len(qkv) - n_kv])
    weights = {
        f"{theirs}input_layernorm.weight": stored[f"{at}.attention_norm.weight"],
        f"{theirs}post_attention_layernorm.weight": stored[f"{at}.feed_forward_norm.weight"],
        f"{theirs}block_sparse_moe.gate.weight": stored[f"{at}.feed_forward.router.weight"],
        f"{theirs}self_attn.q_proj.weight": query,
        f"{theirs}self_attn.k_proj.weight": key,
        f"{theirs}self_attn.v_proj.weight": value,
        f"{theirs}self_attn.o_proj.weight": dequantised(stored, f"{at}.attention.output"),
    }
    gate_up = np.split(dequantised(stored, f"{at}.feed_forward.experts.fc1"), manifest.n_experts)
    down = np.split(dequantised(stored, f"{at}.feed_forward.experts.fc2"), manifest.n_experts)
    for index in range(manifest.n_experts):
        expert = f"{theirs}block_sparse_moe.experts.{index}."
        weights[f"{expert}w1.weight"], weights[f"{expert}w3.weight"] = gate_up[index][0::2], gate_up[index][1::2]
        weights[f"{expert}w2.weight"] = down[index]
    return weights


def dequantised(stored: dict[str, Any], name: str) -> Floats:
    """[n_rows, n_columns] of 8-bit codes in blocks; experts one below the other."""
    codes, scales = stored[f"{name}.codes"], stored[f"{name}.scales"].astype(np.float32)
    blocks = codes.reshape(-1, scales.shape[-1], BLOCK).astype(np.float32) - 128
    rows: Floats = (blocks * scales.reshape(len(blocks), -1, 1)).reshape(len(blocks), -1)
    return rows


def text_windows(tokenizer: Tokenizer, n_windows: int = N_WINDOWS) -> list[NDArray[np.int64]]:
    start = tokenizer.token_to_id("<s>")
    texts = [path.read_text("utf-8") for path in sorted(ROOT.glob("devstral_ls/**/*.py"))]  # none of it was trained on
    tokens = [token for text in texts for token in tokenizer.encode(text, add_special_tokens=False).ids]
    size = WINDOW_TOKENS - 1
    cuts = range(0, min(len(tokens) - size, n_windows * size), size)
    return [np.array([start, *tokens[cut : cut + size]], np.int64) for cut in cuts]


def loss(checkpoint: Path, precision: str, windows: list[NDArray[np.int64]]) -> dict[str, float]:
    return reading(*window_losses(checkpoint, precision, windows))


def window_losses(checkpoint: Path, precision: str, windows: list[NDArray[np.int64]]) -> tuple[list[float], float]:
    """Nats a token of each window, and the megabytes of the model that was made for it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        options = replace(ExportOptions(), precision=precision, window_tokens=WINDOW_TOKENS)
        plan = plan_export(checkpoint, options)
        write_model(plan, folder)
        runner = GraphRunner(folder / GRAPH_NAME, WINDOW_TOKENS, n_threads=1)
        return [window_loss(runner, window) for window in windows], folder_megabytes(folder)


def reading(nats: list[float], megabytes: float) -> dict[str, float]:
    mean = float(np.mean(nats))
    return {"nats_per_token": round(mean, 5), "perplexity": round(float(np.exp(mean)), 3), "megabytes": megabytes}


def folder_megabytes(folder: Path) -> float:
    """Graph and weights."""
    return round(sum(path.stat().st_size for path in folder.glob(f"{GRAPH_NAME}*")) / 1e6, 2)


def window_loss(runner: GraphRunner, window: NDArray[np.int64]) -> float:
    logits = runner.logits(window, 0)[:-1].astype(np.float64)
    peak = logits.max(-1)
    normaliser = peak + np.log(np.exp(logits - peak[:, None]).sum(-1))
    return float((normaliser - logits[np.arange(len(window) - 1), window[1:]]).mean())


if __name__ == "__main__":
    main()
