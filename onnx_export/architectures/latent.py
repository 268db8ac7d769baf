"""How DeepSeek's family stores its latent attention."""

import math

import numpy as np
from numpy.typing import NDArray

from onnx_export.architectures import llama
from onnx_export.blocks.attention import PositionScale
from onnx_export.blocks.latent_attention import LatentAttention, LatentQuery
from onnx_export.blocks.norm import Norm
from onnx_export.blocks.rope import Rope, rope_parameters, yarn_magnitude
from onnx_export.build import Linear
from onnx_export.checkpoint import Settings, Tensors
from onnx_export.matrix import permuted

# The two inner norms keep this whatever rms_norm_eps says.
INNER_EPSILON = 1e-6

Order = NDArray[np.int64]


def latent_attention(
    tensors: Tensors, settings: Settings, positions: Rope, *, position_scale: PositionScale | None = None
) -> LatentAttention:
    """Return the attention with its rotated dimensions first and as halves, where the kernel wants them."""
    hidden, n_heads = settings.count("hidden_size"), settings.count("num_attention_heads")
    n_rotated, n_plain = settings.count("qk_rope_head_dim"), settings.count("qk_nope_head_dim")
    rank, n_values = settings.count("kv_lora_rank"), settings.count("v_head_dim")
    halves = _halves(n_rotated, interleaved=settings.flag("rope_interleave", default=True))
    down = llama.linear(tensors, "kv_a_proj_with_mqa", rank + n_rotated, hidden)
    up = tensors.matrix("kv_b_proj.weight", n_heads * (n_plain + n_values), rank)
    return LatentAttention(
        query=_query(tensors, settings, _head_order(n_heads, n_plain, n_rotated, halves)),
        key_value_down=_permuted(down, np.concatenate([rank + halves, np.arange(rank)])),
        latent_norm=Norm(tensors.vector("kv_a_layernorm.weight", rank), INNER_EPSILON),
        key_value_up=up,
        output=llama.linear(tensors, "o_proj", hidden, n_heads * n_values),
        n_heads=n_heads,
        n_rotated=n_rotated,
        n_plain=n_plain,
        n_values=n_values,
        rank=rank,
        rope=positions,
        scale=_scale(settings, n_plain + n_rotated),
        position_scale=position_scale,
    )


def _query(tensors: Tensors, settings: Settings, order: Order) -> LatentQuery:
    """Queries come from the hidden state, in larger models by way of a latent of their own."""
    hidden = settings.count("hidden_size")
    if "q_lora_rank" not in settings:
        return LatentQuery(_permuted(llama.linear(tensors, "q_proj", len(order), hidden), order))
    rank = settings.count("q_lora_rank")
    return LatentQuery(
        _permuted(llama.linear(tensors, "q_b_proj", len(order), rank), order),
        down=llama.linear(tensors, "q_a_proj", rank, hidden),
        norm=Norm(tensors.vector("q_a_layernorm.weight", rank), INNER_EPSILON),
    )


def _halves(n_rotated: int, *, interleaved: bool) -> Order:
    """Where each rotated dimension of the kernel's order is stored: first of all pairs, then second of all pairs."""
    if not interleaved:
        return np.arange(n_rotated)
    return np.concatenate([np.arange(0, n_rotated, 2), np.arange(1, n_rotated, 2)])


def _head_order(n_heads: int, n_plain: int, n_rotated: int, halves: Order) -> Order:
    """Stored: plain, rotated for each head; wanted: rotated, plain."""
    one_head = np.concatenate([n_plain + halves, np.arange(n_plain)])
    heads = np.arange(n_heads)[:, None] * (n_plain + n_rotated)
    order: Order = (heads + one_head).ravel()
    return order


def _permuted(linear: Linear, order: Order) -> Linear:
    return Linear(permuted(linear.weight, order), None if linear.bias is None else linear.bias[order])


def _scale(settings: Settings, n_dims: int) -> float:
    """YaRN enlarges the scores of this family in the scale itself."""
    parameters = rope_parameters(settings)
    all_dims = parameters.number("mscale_all_dim", 0)
    scale = 1 / math.sqrt(n_dims)
    if not all_dims or parameters.text("rope_type", parameters.text("type", "default")) == "default":
        return scale
    return scale * yarn_magnitude(parameters.number("factor"), all_dims) ** 2
