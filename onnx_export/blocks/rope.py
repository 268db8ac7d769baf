"""Rotary positions: frequencies as Hugging Face computes them, and the tables that the attention kernels look up."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.build import Build
from onnx_export.checkpoint import Settings
from onnx_export.errors import Unsupported

DEFAULT_THETA = 10_000.0

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Rope:
    """`frequencies` [rotated dimensions / 2]; `attention_factor` multiplies cosine and sine."""

    frequencies: Floats
    attention_factor: float = 1.0

    def emit(self, build: Build) -> tuple[str, str]:
        """Return the names of the cosine and sine tables, each [window, rotated dimensions / 2]; stored once."""
        if "rope.cos" not in build.shared:
            shape = (build.window_tokens, len(self.frequencies))
            build.shared["rope.cos"] = build.later("rope.cos", shape, lambda: self._table(np.cos, build.window_tokens))
            build.shared["rope.sin"] = build.later("rope.sin", shape, lambda: self._table(np.sin, build.window_tokens))
        return build.shared["rope.cos"], build.shared["rope.sin"]

    def _table(self, function: np.ufunc, window_tokens: int) -> Floats:
        angles = np.outer(np.arange(window_tokens, dtype=np.float32), self.frequencies)
        table: Floats = function(angles) * np.float32(self.attention_factor)
        return table


def read_rope(settings: Settings, n_dims: int) -> Rope:
    """Return the rotary embedding of `n_dims` dimensions, spelled the old or the new way in config.json."""
    parameters = rope_parameters(settings)
    theta = parameters.number("rope_theta", settings.number("rope_theta", DEFAULT_THETA))
    plain = 1.0 / _powers(theta, n_dims)
    kind = parameters.text("rope_type", parameters.text("type", "default"))
    match kind:
        case "default" | "mrope":
            return Rope(plain)
        case "linear":
            return Rope(plain / np.float32(parameters.number("factor")))
        case "llama3":
            return Rope(_llama3(plain, parameters, settings))
        case "yarn":
            return _yarn(theta, n_dims, parameters, settings)
    raise Unsupported(f"config.json: rope_type {kind!r} is not proven; known are default, linear, llama3 and yarn")


def rope_parameters(settings: Settings) -> Settings:
    """Return the object that describes the positions: `rope_parameters`, in older files `rope_scaling`."""
    return settings.part("rope_parameters" if "rope_parameters" in settings else "rope_scaling")


def original_window(parameters: Settings, settings: Settings) -> int:
    """Return the window that the model was first trained with, before its positions were stretched."""
    default = settings.count("original_max_position_embeddings", settings.count("max_position_embeddings"))
    return parameters.count("original_max_position_embeddings", default)


def yarn_magnitude(factor: float, weight: float = 1.0) -> float:
    """Return how much YaRN enlarges attention for a stretch of `factor`."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def _powers(theta: float, n_dims: int) -> Floats:
    exponents = np.arange(0, n_dims, 2, dtype=np.float32) / np.float32(n_dims)
    powers: Floats = np.power(np.float32(theta), exponents, dtype=np.float32)
    return powers


def _llama3(plain: Floats, parameters: Settings, settings: Settings) -> Floats:
    """Divide low frequencies by `factor`, keep high ones, blend between."""
    factor = np.float32(parameters.number("factor"))
    low, high = parameters.number("low_freq_factor"), parameters.number("high_freq_factor")
    turns = np.float32(original_window(parameters, settings)) * plain / np.float32(2 * math.pi)
    blend = np.clip((turns - np.float32(low)) / np.float32(high - low), 0, 1)
    blended: Floats = (1 - blend) * plain / factor + blend * plain
    return blended


def _yarn(theta: float, n_dims: int, parameters: Settings, settings: Settings) -> Rope:
    """Stretch by parts; the bounds are rounded unless the file says `truncate: false`, as Hugging Face does."""
    original = original_window(parameters, settings)
    factor = parameters.number("factor", settings.count("max_position_embeddings", original) / original)
    bounds = [
        n_dims * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))
        for turns in (parameters.number("beta_fast", 32), parameters.number("beta_slow", 1))
    ]
    if parameters.flag("truncate", default=True):
        bounds = [math.floor(bounds[0]), math.ceil(bounds[1])]
    low, high = max(bounds[0], 0), min(bounds[1], n_dims - 1)
    high += 0.001 if low == high else 0
    stretch = np.clip((np.arange(n_dims // 2, dtype=np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    powers = _powers(theta, n_dims)
    frequencies: Floats = stretch / (np.float32(factor) * powers) + (1 - stretch) / powers
    return Rope(frequencies, _yarn_attention_factor(factor, parameters))


def _yarn_attention_factor(factor: float, parameters: Settings) -> float:
    if "attention_factor" in parameters:
        return parameters.number("attention_factor")
    mscale, all_dims = parameters.number("mscale", 0), parameters.number("mscale_all_dim", 0)
    if mscale and all_dims:
        return yarn_magnitude(factor, mscale) / yarn_magnitude(factor, all_dims)
    return yarn_magnitude(factor)
