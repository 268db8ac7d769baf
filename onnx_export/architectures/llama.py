"""Llama 2 and 3, Code Llama, DeepSeek-Coder v1, and the parts of them that most other families keep."""

from collections.abc import Iterable
from typing import Any

from onnx_export.blocks.attention import GroupedQueryAttention
from onnx_export.blocks.dense import GatedDense, require_silu
from onnx_export.blocks.norm import Norm
from onnx_export.blocks.rope import Rope, read_rope, rope_parameters
from onnx_export.build import Linear
from onnx_export.checkpoint import Settings, Source, Tensors
from onnx_export.decoder import Decoder, FeedForward, Layer
from onnx_export.matrix import Matrix


def describe(source: Source) -> Decoder:
    """Return Llama itself: grouped-query attention and a gated dense block."""
    settings, positions = source.settings, rope(source.settings)
    inner = settings.count("intermediate_size")
    layers = (
        layer(tensors, settings, attention(tensors, settings, positions), gated(tensors.at("mlp"), settings, inner))
        for tensors in each_layer(source)
    )
    return decoder(source, layers)


def each_layer(source: Source) -> list[Tensors]:
    return [source.model.at(f"layers.{index}") for index in range(source.settings.count("num_hidden_layers"))]


def layer(
    tensors: Tensors, settings: Settings, attention_block: GroupedQueryAttention, feed_forward: FeedForward
) -> Layer:
    """Return a layer with Llama's two norms."""
    hidden = settings.count("hidden_size")
    return Layer(
        rms_norm(tensors, "input_layernorm", hidden, settings),
        attention_block,
        rms_norm(tensors, "post_attention_layernorm", hidden, settings),
        feed_forward,
    )


def decoder(source: Source, layers: Iterable[Layer], *, tied: bool = False, **extra: Any) -> Decoder:
    """Return the decoder around some layers; `tied` is what the family assumes when config.json does not say."""
    settings = source.settings
    vocab_size, hidden = settings.count("vocab_size"), settings.count("hidden_size")
    extra.setdefault("norm", rms_norm(source.model, "norm", hidden, settings))
    return Decoder(
        embedding=source.model.matrix("embed_tokens.weight", vocab_size, hidden),
        layers=tuple(layers),
        head=_head(source, vocab_size, hidden, tied=tied),
        **extra,
    )


def attention(tensors: Tensors, settings: Settings, positions: Rope) -> GroupedQueryAttention:
    """Return plain grouped-query attention; families that differ replace a field."""
    own = tensors.at("self_attn")
    hidden, size = settings.count("hidden_size"), head_dim(settings)
    n_heads = settings.count("num_attention_heads")
    n_kv_heads = settings.count("num_key_value_heads", n_heads)
    return GroupedQueryAttention(
        query=linear(own, "q_proj", n_heads * size, hidden),
        key=linear(own, "k_proj", n_kv_heads * size, hidden),
        value=linear(own, "v_proj", n_kv_heads * size, hidden),
        output=linear(own, "o_proj", hidden, n_heads * size),
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_dim=size,
        rope=positions,
        scale=size**-0.5,
    )


def rope(settings: Settings) -> Rope:
    share = rope_parameters(settings).number("partial_rotary_factor", settings.number("partial_rotary_factor", 1.0))
    return read_rope(settings, int(head_dim(settings) * share))


def head_dim(settings: Settings) -> int:
    return settings.count("head_dim", settings.count("hidden_size") // settings.count("num_attention_heads"))


def gated(tensors: Tensors, settings: Settings, inner: int) -> GatedDense:
    """Return the usual gate, up and down."""
    require_silu(settings.text("hidden_act", "silu"))
    hidden = settings.count("hidden_size")
    return GatedDense(
        linear(tensors, "gate_proj", inner, hidden),
        linear(tensors, "up_proj", inner, hidden),
        linear(tensors, "down_proj", hidden, inner),
    )


def linear(tensors: Tensors, name: str, n_outputs: int, n_inputs: int) -> Linear:
    """Return a product with its bias, where the checkpoint has one."""
    weight = tensors.matrix(f"{name}.weight", n_outputs, n_inputs)
    return Linear(weight, tensors.optional_vector(f"{name}.bias", n_outputs))


def rms_norm(tensors: Tensors, name: str, size: int, settings: Settings) -> Norm:
    return Norm(tensors.vector(f"{name}.weight", size), settings.number("rms_norm_eps", 1e-6))


def sliding_window(settings: Settings, index: int) -> int | None:
    """Return the window of one layer, where `layer_types` says which layers slide."""
    kinds = settings.texts("layer_types")
    slides = index < len(kinds) and kinds[index] == "sliding_attention"
    return settings.count("sliding_window") if slides else None


def _head(source: Source, vocab_size: int, hidden: int, *, tied: bool) -> Matrix | None:
    """Return the output table, or None where it is the embedding."""
    if source.settings.flag("tie_word_embeddings", default=tied):
        return None
    return source.outer.matrix("lm_head.weight", vocab_size, hidden)
