"""Granite's dense decoders: Llama with four multipliers."""

from dataclasses import replace

from onnx_export.architectures import llama
from onnx_export.checkpoint import Source
from onnx_export.decoder import Decoder


def describe(source: Source) -> Decoder:
    settings, positions = source.settings, llama.rope(source.settings)
    inner, scale = settings.count("intermediate_size"), settings.number("attention_multiplier", 1.0)
    return llama.decoder(
        source,
        (
            llama.layer(
                tensors,
                settings,
                replace(llama.attention(tensors, settings, positions), scale=scale),
                llama.gated(tensors.at("mlp"), settings, inner),
            )
            for tensors in llama.each_layer(source)
        ),
        embedding_factor=settings.number("embedding_multiplier", 1.0),
        residual_factor=settings.number("residual_multiplier", 1.0),
        logits_factor=1 / settings.number("logits_scaling", 1.0),
    )
