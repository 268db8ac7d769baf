"""The embedded model again with another window or precision: its weights as a checkpoint, exported as any other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save_file

from devstral_ls.engine import EMBEDDED_NAME, resolve_bundle
from devstral_ls.engine.manifest import GRAPH_NAME, TOKENIZER_NAME, read_manifest
from onnx_export.export import ExportOptions, plan_export, run_export

ROPE_BASE = 10_000.0

Floats = NDArray[np.float32]


def export_embedded(scratch: Path, *, precision: str, window_tokens: int) -> Path:
    """A bundle of the embedded model's weights."""
    checkpoint = scratch / "checkpoint"
    if not checkpoint.exists():
        _write_checkpoint(resolve_bundle(EMBEDDED_NAME), checkpoint)
    options = ExportOptions(
        precision=precision, window_tokens=window_tokens, name=f"embedded-{precision}", license="Apache-2.0"
    )
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(config | {"max_position_embeddings": window_tokens}))
    return run_export(plan_export(checkpoint, options), scratch / f"{precision}-{window_tokens}").folder


def _write_checkpoint(folder: Path, checkpoint: Path) -> None:
    graph = onnx.load(folder / GRAPH_NAME).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    attention = next(node for node in graph.node if node.op_type == "GroupQueryAttention")
    n_heads = next(attribute.i for attribute in attention.attribute if attribute.name == "num_heads")
    checkpoint.mkdir()
    save_file(_weights(stored, n_heads), checkpoint / "model.safetensors")
    (checkpoint / "config.json").write_text(json.dumps(_config(folder, stored, n_heads)))
    (checkpoint / TOKENIZER_NAME).write_bytes((folder / TOKENIZER_NAME).read_bytes())


def _config(folder: Path, stored: dict[str, Any], n_heads: int) -> dict[str, Any]:
    manifest = read_manifest(folder)
    n_experts, width_2, _ = stored["layers.0.feed_forward.experts.fc1.scales"].shape
    return {
        "architectures": ["MixtralForCausalLM"],
        "model_type": "mixtral",
        "hidden_act": "silu",
        "hidden_size": len(stored["norm.weight"]),
        "intermediate_size": width_2 // 2,
        "num_attention_heads": n_heads,
        "num_key_value_heads": manifest.n_kv_heads,
        "head_dim": manifest.head_dim,
        "num_hidden_layers": manifest.n_layers,
        "num_local_experts": n_experts,
        "num_experts_per_tok": manifest.n_experts_per_token,
        "vocab_size": manifest.vocab_size,
        "rms_norm_eps": 1e-5,
        "rope_theta": ROPE_BASE,
        "sliding_window": None,
        "tie_word_embeddings": True,
        "bos_token_id": manifest.bos_token_id,
        "eos_token_id": manifest.eos_token_ids[0],
        "max_position_embeddings": manifest.window_tokens,
    }


def _weights(stored: dict[str, Any], n_heads: int) -> dict[str, Floats]:
    """Under the names that transformers gives them."""
    found = {"model.embed_tokens.weight": _matrix(stored, "embedding"), "model.norm.weight": stored["norm.weight"]}
    n_layers = 1 + max(int(name.split(".")[1]) for name in stored if name.startswith("layers."))
    for layer in range(n_layers):
        found |= {f"model.layers.{layer}.{name}": each for name, each in _layer(stored, f"layers.{layer}", n_heads)}
    return {name: np.ascontiguousarray(each, np.float32) for name, each in found.items()}


def _layer(stored: dict[str, Any], at: str, n_heads: int) -> Any:
    qkv, output = _matrix(stored, f"{at}.attention.qkv"), _matrix(stored, f"{at}.attention.output")
    n_q = output.shape[1]
    n_kv = (len(qkv) - n_q) // 2
    assert n_q % n_heads == 0
    for part, rows in zip("qkv", np.split(qkv, [n_q, n_q + n_kv]), strict=True):
        yield f"self_attn.{part}_proj.weight", rows
    yield "self_attn.o_proj.weight", output
    yield "input_layernorm.weight", stored[f"{at}.attention_norm.weight"]
    yield "post_attention_layernorm.weight", stored[f"{at}.feed_forward_norm.weight"]
    yield "block_sparse_moe.gate.weight", stored[f"{at}.feed_forward.router.weight"]
    gate_up = _matrix(stored, f"{at}.feed_forward.experts.fc1")
    down = _matrix(stored, f"{at}.feed_forward.experts.fc2")
    for expert in range(len(down)):
        yield f"block_sparse_moe.experts.{expert}.w1.weight", gate_up[expert, 0::2]
        yield f"block_sparse_moe.experts.{expert}.w3.weight", gate_up[expert, 1::2]
        yield f"block_sparse_moe.experts.{expert}.w2.weight", down[expert]


def _matrix(stored: dict[str, Any], at: str) -> Floats:
    """Eight-bit codes and scales as numbers."""
    scales = stored[f"{at}.scales"].astype(np.float32)  # [..., n_blocks]
    codes = stored[f"{at}.codes"].reshape(*scales.shape, -1).astype(np.float32) - 128
    return (codes * scales[..., None]).reshape(*scales.shape[:-1], -1)
