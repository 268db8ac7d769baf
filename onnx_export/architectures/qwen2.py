"""Qwen2 and Qwen2.5-Coder: Llama with biases on query, key and value; upper layers may slide."""

from dataclasses import replace

from onnx_export.architectures import llama
from onnx_export.checkpoint import Settings, Source
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
                replace(llama.attention(tensors, settings, positions), sliding_window=sliding_window(settings, index)),
                llama.gated(tensors.at("mlp"), settings, inner),
            )
            for index, tensors in enumerate(llama.each_layer(source))
        ),
    )


def sliding_window(settings: Settings, index: int) -> int | None:
    """Return the window of a layer: off unless asked for, then named layer by layer or from one layer up."""
    if not settings.flag("use_sliding_window", default=False):
        return None
    if settings.texts("layer_types"):
        return llama.sliding_window(settings, index)
    return settings.count("sliding_window") if settings.count("max_window_layers", 28) <= index else None
