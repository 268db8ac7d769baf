"""Mistral and Codestral: Llama with a window that may slide in every layer."""

from dataclasses import replace

from onnx_export.architectures import llama
from onnx_export.checkpoint import Source
from onnx_export.decoder import Decoder


def describe(source: Source) -> Decoder:
    settings, positions = source.settings, llama.rope(source.settings)
    inner = settings.count("intermediate_size")
    window = settings.count("sliding_window") if "sliding_window" in settings else None
    return llama.decoder(
        source,
        (
            llama.layer(
                tensors,
                settings,
                replace(llama.attention(tensors, settings, positions), sliding_window=window),
                llama.gated(tensors.at("mlp"), settings, inner),
            )
            for tensors in llama.each_layer(source)
        ),
    )
