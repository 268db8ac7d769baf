"""StarCoder2: layer norms with bias, a plain two-product block, a window that slides in every layer."""

from dataclasses import replace

from onnx_export.architectures import llama
from onnx_export.blocks.dense import PlainDense
from onnx_export.blocks.norm import Norm
from onnx_export.blocks.rope import Rope
from onnx_export.checkpoint import Settings, Source, Tensors
from onnx_export.decoder import Decoder, Layer


def describe(source: Source) -> Decoder:
    settings, positions = source.settings, llama.rope(source.settings)
    return llama.decoder(
        source,
        (_layer(tensors, settings, positions) for tensors in llama.each_layer(source)),
        tied=True,
        norm=_norm(source.model, "norm", settings),
    )


def _layer(tensors: Tensors, settings: Settings, positions: Rope) -> Layer:
    window = settings.count("sliding_window") if "sliding_window" in settings else None
    return Layer(
        _norm(tensors, "input_layernorm", settings),
        replace(llama.attention(tensors, settings, positions), sliding_window=window),
        _norm(tensors, "post_attention_layernorm", settings),
        _dense(tensors.at("mlp"), settings),
    )


def _norm(tensors: Tensors, name: str, settings: Settings) -> Norm:
    hidden = settings.count("hidden_size")
    return Norm(
        tensors.vector(f"{name}.weight", hidden),
        settings.number("norm_epsilon", 1e-5),
        tensors.vector(f"{name}.bias", hidden),
    )


def _dense(tensors: Tensors, settings: Settings) -> PlainDense:
    hidden, inner = settings.count("hidden_size"), settings.count("intermediate_size")
    return PlainDense(
        llama.linear(tensors, "c_fc", inner, hidden),
        llama.linear(tensors, "c_proj", hidden, inner),
        settings.text("hidden_act", "gelu_pytorch_tanh"),
    )
