"""The weights a run may begin with: those of a checkpoint folder, or those of a bundle that ships.

A bundle's int8 weights lose nothing that can be measured, so training goes on from them where its own state is gone.
Only bundles of models that are pure Mixtral can be read: what this package itself trains and exports.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from devstral_ls.engine.manifest import GRAPH_NAME, MANIFEST_NAME, Manifest, verify_bundle
from onnx_export.errors import Unsupported
from onnx_export.pretrain import checkpoint
from onnx_export.pretrain.checkpoint import FACTS_NAME, Progress
from onnx_export.pretrain.model import Config, Mixtral
from onnx_export.quantize import BLOCK, Quantised

Stored = Mapping[str, NDArray[Any]]


def open_model(folder: Path) -> Mixtral:
    """The model in a checkpoint folder or in a bundle."""
    return _open_bundle(folder) if _is_bundle(folder) else checkpoint.load_hf(folder)


def progress_of(folder: Path) -> Progress:
    """How far its training had come; a run that goes on from it counts on."""
    step, tokens, running_s = _told_by_bundle(folder) if _is_bundle(folder) else _told_by_checkpoint(folder)
    return Progress(step=int(step), tokens=int(tokens), running_s=running_s, began_at_step=int(step))


def _told_by_bundle(folder: Path) -> tuple[float, float, float]:
    told = dict(verify_bundle(folder).provenance)
    step, tokens, hours = (float(cast(float, told.get(f"training_{name}", 0))) for name in ("steps", "tokens", "hours"))
    return step, tokens, 3600 * hours


def _told_by_checkpoint(folder: Path) -> tuple[float, float, float]:
    facts = folder / FACTS_NAME
    told = json.loads(facts.read_text()) if facts.is_file() else {}
    return told.get("step", 0), told.get("tokens", 0), told.get("running_s", 0.0)


def _is_bundle(folder: Path) -> bool:
    return (folder / MANIFEST_NAME).is_file()


def _open_bundle(folder: Path) -> Mixtral:
    manifest = verify_bundle(folder)
    if manifest.architecture != "mixtral":
        raise Unsupported(f"{folder} holds a {manifest.architecture} model; only mixtral bundles can be trained on")
    graph = onnx.load(folder / GRAPH_NAME).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    config = _config(manifest, graph, stored)
    model = Mixtral(config)
    checkpoint.load_weights(model, {name: torch.from_numpy(w.copy()) for name, w in _weights(stored, config).items()})
    return model


def _config(manifest: Manifest, graph: onnx.GraphProto, stored: Stored) -> Config:
    head_dim, n_kv_heads, stretch = manifest.head_dim, manifest.n_kv_heads, _window_stretch(stored)
    n_heads = len(_rows(stored, "layers.0.attention.qkv")) // head_dim - 2 * n_kv_heads
    return Config(
        d_model=len(stored["norm.weight"]),
        n_layers=manifest.n_layers,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        d_expert=_rows(stored, "layers.0.feed_forward.experts.fc2").shape[-1],
        vocab_size=manifest.vocab_size,
        head_dim=head_dim,
        n_experts=manifest.n_experts,
        n_experts_per_token=manifest.n_experts_per_token,
        window_tokens=manifest.window_tokens // stretch,
        window_stretch=stretch,
        rope_theta=_rope_theta(stored, head_dim),
        norm_epsilon=_norm_epsilon(graph),
    )


def _weights(stored: Stored, config: Config) -> dict[str, NDArray[np.float32]]:
    """The bundle's tensors under the names and in the shapes of our own model."""
    weights = {"embedding": _rows(stored, "embedding"), "norm.weight": stored["norm.weight"]}
    kv_rows = config.n_kv_heads * config.head_dim
    for n in range(config.n_layers):
        at = f"layers.{n}."
        q, k, v = np.split(_rows(stored, f"{at}attention.qkv"), [-2 * kv_rows, -kv_rows])
        gate_up = _rows(stored, f"{at}feed_forward.experts.fc1")
        by_pairs = gate_up.reshape(config.n_experts, config.d_expert, 2, config.d_model)
        down = _rows(stored, f"{at}feed_forward.experts.fc2")
        weights |= {
            f"{at}attention_norm.weight": stored[f"{at}attention_norm.weight"],
            f"{at}attention.q": q,
            f"{at}attention.k": k,
            f"{at}attention.v": v,
            f"{at}attention.o": _rows(stored, f"{at}attention.output"),
            f"{at}experts_norm.weight": stored[f"{at}feed_forward_norm.weight"],
            f"{at}experts.router": stored[f"{at}feed_forward.router.weight"],
            f"{at}experts.gate_up": by_pairs.swapaxes(1, 2),
            f"{at}experts.down": down.reshape(config.n_experts, config.d_model, config.d_expert),
        }
    return {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}


def _rows(stored: Stored, at: str) -> NDArray[np.float32]:
    """A matrix [n_rows, n_columns], whatever it is stored as; stacks lie one below the other."""
    if f"{at}.codes" not in stored:
        plain: NDArray[np.float32] = stored[f"{at}.weight"].astype(np.float32)
        return plain.reshape(-1, plain.shape[-1])
    scales = stored[f"{at}.scales"]
    scales = scales.reshape(-1, scales.shape[-1])
    codes = stored[f"{at}.codes"].reshape(*scales.shape, -1)
    if codes.shape[-1] == BLOCK:
        return Quantised(codes, scales, bits=8).dequantised()
    pairs = np.stack([codes & 15, codes >> 4], axis=-1)  # two to a byte, the low one first
    return Quantised(pairs.reshape(*scales.shape, BLOCK), scales, bits=4).dequantised()


def _rope_theta(stored: Stored, head_dim: int) -> float:
    """From the angle by which position 1 turns the second pair, which YaRN leaves alone: theta ** (-2 / head_dim)."""
    angle = math.atan2(stored["rope.sin"][1, 1], stored["rope.cos"][1, 1])
    return float(round(angle ** (-head_dim / 2)))


def _window_stretch(stored: Stored) -> int:
    """From how much YaRN enlarges attention, which is all that position 0 says: 1 + ln(factor) / 10."""
    return round(math.exp(10 * (float(stored["rope.cos"][0, 0]) - 1)))


def _norm_epsilon(graph: onnx.GraphProto) -> float:
    attributes = (attribute for node in graph.node for attribute in node.attribute)
    return float(f"{next(a.f for a in attributes if a.name == 'epsilon'):.6g}")
