"""Ministral 3, Devstral 2 and the text of Devstral Small 2: Mistral, with queries that grow with the position."""

from dataclasses import replace

from onnx_export.architectures import mistral
from onnx_export.blocks.attention import GroupedQueryAttention, PositionScale
from onnx_export.blocks.rope import original_window, rope_parameters
from onnx_export.checkpoint import Settings, Source
from onnx_export.decoder import Decoder, Layer


def describe(source: Source) -> Decoder:
    plain = mistral.describe(source)
    scale = read_position_scale(source.settings)
    return plain if scale is None else replace(plain, layers=tuple(_scaled(layer, scale) for layer in plain.layers))


def read_position_scale(settings: Settings) -> PositionScale | None:
    """Return the query scale, or None where the model switches it off."""
    parameters = rope_parameters(settings)
    beta = parameters.number("llama_4_scaling_beta", 0.0)
    return PositionScale(beta, original_window(parameters, settings)) if beta else None


def _scaled(layer: Layer, scale: PositionScale) -> Layer:
    assert isinstance(layer.attention, GroupedQueryAttention)
    return replace(layer, attention=replace(layer.attention, position_scale=scale))
