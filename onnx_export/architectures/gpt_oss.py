"""gpt-oss: attention sinks, every other layer slides, clamped experts with biases, stored as MXFP4 or floats."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from onnx_export.architectures import llama
from onnx_export.blocks.attention import GroupedQueryAttention
from onnx_export.blocks.experts import MixtureOfExperts
from onnx_export.blocks.rope import Rope
from onnx_export.build import ExpertWeights, Linear, Swiglu
from onnx_export.checkpoint import Settings, Source, Tensors
from onnx_export.decoder import Decoder
from onnx_export.matrix import Matrix, sliced, stacked, transposed
from onnx_export.mxfp4 import mxfp4_matrix

Floats = NDArray[np.float32]


def describe(source: Source) -> Decoder:
    settings, positions = source.settings, llama.rope(source.settings)
    return llama.decoder(
        source,
        (
            llama.layer(
                tensors,
                settings,
                _attention(tensors, settings, positions, index),
                _experts(tensors.at("mlp"), settings),
            )
            for index, tensors in enumerate(llama.each_layer(source))
        ),
        n_experts=settings.count("num_local_experts"),
        n_experts_per_token=settings.count("num_experts_per_tok"),
    )


def _attention(tensors: Tensors, settings: Settings, positions: Rope, index: int) -> GroupedQueryAttention:
    plain = llama.attention(tensors, settings, positions)
    sinks = tensors.vector("self_attn.sinks", plain.n_heads)
    return replace(plain, sinks=sinks, sliding_window=llama.sliding_window(settings, index))


def _experts(tensors: Tensors, settings: Settings) -> MixtureOfExperts:
    hidden, inner = settings.count("hidden_size"), settings.count("intermediate_size")
    n_experts = settings.count("num_local_experts")
    router = tensors.at("router")
    return MixtureOfExperts(
        router=Linear(router.matrix("weight", n_experts, hidden), router.vector("bias", n_experts)),
        weights=ExpertWeights(
            n_experts=n_experts,
            n_active=settings.count("num_experts_per_tok"),
            gate_up=_stack(tensors, "experts.gate_up_proj", n_experts, 2 * inner, hidden),
            down=_stack(tensors, "experts.down_proj", n_experts, hidden, inner),
            gate_up_bias=tensors.matrix("experts.gate_up_proj_bias", n_experts, 2 * inner).whole(),
            down_bias=tensors.matrix("experts.down_proj_bias", n_experts, hidden).whole(),
            activation=Swiglu(
                alpha=settings.number("swiglu_alpha", 1.702), beta=1.0, limit=settings.number("swiglu_limit", 7.0)
            ),
        ),
    )


def _stack(tensors: Tensors, name: str, n_experts: int, n_outputs: int, n_inputs: int) -> Matrix:
    """Floats are stored inputs first; MXFP4 blocks outputs first."""
    if f"{name}_blocks" in tensors:
        return mxfp4_matrix(tensors.stored(f"{name}_blocks"), tensors.stored(f"{name}_scales"), n_inputs)
    stored = tensors.matrix(name, n_experts * n_inputs, n_outputs)
    experts = [sliced(stored, index * n_inputs, (index + 1) * n_inputs) for index in range(n_experts)]
    return stacked([transposed(expert) for expert in experts])
