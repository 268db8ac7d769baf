"""Qwen3: Qwen2 without the biases, with each head of query and key normalised."""

from dataclasses import replace

from onnx_export.architectures import llama, qwen2
from onnx_export.blocks.attention import GroupedQueryAttention
from onnx_export.blocks.rope import Rope
from onnx_export.checkpoint import Settings, Source, Tensors
from onnx_export.decoder import Decoder


def describe(source: Source) -> Decoder:
    settings, positions = source.settings, llama.rope(source.settings)
    inner = settings.count("intermediate_size")
    return llama.decoder(
        source,
        (
            llama.layer(
                tensors,
                settings,
                replace(attention(tensors, settings, positions), sliding_window=qwen2.sliding_window(settings, index)),
                llama.gated(tensors.at("mlp"), settings, inner),
            )
            for index, tensors in enumerate(llama.each_layer(source))
        ),
    )


def attention(tensors: Tensors, settings: Settings, positions: Rope) -> GroupedQueryAttention:
    """Return Llama's attention with its two norms."""
    size, own = llama.head_dim(settings), tensors.at("self_attn")
    return replace(
        llama.attention(tensors, settings, positions),
        query_norm=llama.rms_norm(own, "q_norm", size, settings),
        key_norm=llama.rms_norm(own, "k_norm", size, settings),
    )
