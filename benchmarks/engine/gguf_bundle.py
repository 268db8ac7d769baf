"""A model folder as llama.cpp reads it, with the very same codes and scales: int8 becomes Q8_0, int4 becomes Q4_0.

Both formats give 32 weights of a row one float16 scale, so nothing is rounded again; only the order of
bytes in a block, of rows in rotated heads, and of gate and up differ.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from devstral_ls.engine.manifest import GRAPH_NAME, TOKENIZER_NAME, read_manifest

BLOCK = 32
TYPES = {8: gguf.GGMLQuantizationType.Q8_0, 4: gguf.GGMLQuantizationType.Q4_0}
LAYER_NORMS = {"attention_norm": "attn_norm", "feed_forward_norm": "ffn_norm"}

Array = NDArray[Any]


def write_gguf(folder: Path, target: Path) -> None:
    """Convert a Mixtral bundle in int8 or int4."""
    graph = onnx.load(folder / GRAPH_NAME).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    writer = gguf.GGUFWriter(target, "llama")
    _describe(writer, folder, graph, weights)
    _say_words(writer, json.loads((folder / TOKENIZER_NAME).read_text("utf-8")))
    for name, array, kind in _tensors(weights, graph):
        writer.add_tensor(name, np.ascontiguousarray(array), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, folder: Path, graph: Any, weights: dict[str, Array]) -> None:
    manifest = read_manifest(folder)
    attention, moe = _attributes(graph, "GroupQueryAttention"), _attributes(graph, "QMoE")
    n_heads, head_dim = attention["num_heads"], manifest.head_dim
    n_experts, n_hidden_2, _ = weights["layers.0.feed_forward.experts.fc1.scales"].shape
    writer.add_name(manifest.name)
    writer.add_vocab_size(manifest.vocab_size)
    writer.add_context_length(manifest.window_tokens)
    writer.add_embedding_length(len(weights["norm.weight"]))
    writer.add_block_count(manifest.n_layers)
    writer.add_feed_forward_length(n_hidden_2 // 2)
    writer.add_head_count(n_heads)
    writer.add_head_count_kv(manifest.n_kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(_attributes(graph, "SkipSimplifiedLayerNormalization")["epsilon"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(_rope_base(weights["rope.sin"]))
    writer.add_expert_count(n_experts)
    writer.add_expert_used_count(moe["k"])


def _say_words(writer: gguf.GGUFWriter, tokenizer: dict[str, Any]) -> None:
    """The tokenizer, as far as a server needs it that is asked with token ids."""
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    words = {token: word for word, token in tokenizer["model"]["vocab"].items()} | special
    merges = [each if isinstance(each, str) else " ".join(each) for each in tokenizer["model"]["merges"]]
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in sorted(words)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([words[token] for token in sorted(words)])
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(value=False)


def _tensors(weights: dict[str, Array], graph: Any) -> Any:
    attention = _attributes(graph, "GroupQueryAttention")
    yield "token_embd.weight", *_blocks(weights, "embedding")
    yield "output_norm.weight", weights["norm.weight"], None
    n_layers = sum(node.op_type == "GroupQueryAttention" for node in graph.node)
    for layer in range(n_layers):
        ours, theirs = f"layers.{layer}", f"blk.{layer}"
        for our_norm, their_norm in LAYER_NORMS.items():
            yield f"{theirs}.{their_norm}.weight", weights[f"{ours}.{our_norm}.weight"], None
        yield f"{theirs}.ffn_gate_inp.weight", weights[f"{ours}.feed_forward.router.weight"], None
        yield from _attention(weights, ours, theirs, attention)
        fc1, kind = _blocks(weights, f"{ours}.feed_forward.experts.fc1")
        yield f"{theirs}.ffn_gate_exps.weight", fc1[:, 0::2], kind
        yield f"{theirs}.ffn_up_exps.weight", fc1[:, 1::2], kind
        yield f"{theirs}.ffn_down_exps.weight", *_blocks(weights, f"{ours}.feed_forward.experts.fc2")


def _attention(weights: dict[str, Array], ours: str, theirs: str, attention: dict[str, Any]) -> Any:
    rows, kind = _blocks(weights, f"{ours}.attention.qkv")
    n_heads, n_kv_heads = attention["num_heads"], attention["kv_num_heads"]
    head_dim = len(rows) // (n_heads + 2 * n_kv_heads)
    q, k, v = np.split(rows, [n_heads * head_dim, (n_heads + n_kv_heads) * head_dim])
    yield f"{theirs}.attn_q.weight", _pairs_side_by_side(q, n_heads), kind
    yield f"{theirs}.attn_k.weight", _pairs_side_by_side(k, n_kv_heads), kind
    yield f"{theirs}.attn_v.weight", v, kind
    yield f"{theirs}.attn_output.weight", *_blocks(weights, f"{ours}.attention.output")


def _pairs_side_by_side(rows: Array, n_heads: int) -> Array:
    """Here a head's first half is rotated with its second; there every even row with the odd one behind it."""
    halves = rows.reshape(n_heads, 2, -1, rows.shape[-1])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def _blocks(weights: dict[str, Array], at: str) -> tuple[Array, gguf.GGMLQuantizationType]:
    """Rows of bytes: each block a float16 scale and its codes."""
    scales = weights[f"{at}.scales"]  # [..., n_rows, n_blocks]
    codes = weights[f"{at}.codes"].reshape(*scales.shape, -1)
    bits = 8 * codes.shape[-1] // BLOCK
    laid_out = (codes ^ 0x80) if bits == 8 else _low_half_first(codes)  # -128 … 127, or 0 … 15 where 8 is zero
    rows = np.concatenate([scales[..., None].view(np.uint8), laid_out], axis=-1)
    return rows.reshape(*scales.shape[:-1], -1), TYPES[bits]


def _low_half_first(codes: Array) -> Array:
    """Neighbours share a byte here; there the n-th weight shares it with the one sixteen behind."""
    single = np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:-1], BLOCK)
    packed: Array = single[..., : BLOCK // 2] | (single[..., BLOCK // 2 :] << 4)
    return packed


def _attributes(graph: Any, op: str) -> dict[str, Any]:
    node = next(node for node in graph.node if node.op_type == op)
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def _rope_base(sines: Array) -> float:
    """From the slowest angle of position 1: base^(-2 (n - 1) / 2n) for n angles."""
    n = sines.shape[1]
    return float(round(float(np.arcsin(sines[1, -1].astype(np.float64))) ** (-n / (n - 1))))
