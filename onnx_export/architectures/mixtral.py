"""Mixtral: Mistral's attention, and experts of which the best few share a weight of one."""

from dataclasses import replace

from onnx_export.architectures import llama
from onnx_export.architectures.routed import read_experts
from onnx_export.blocks.experts import MixtureOfExperts
from onnx_export.build import Linear
from onnx_export.checkpoint import Settings, Source, Tensors
from onnx_export.decoder import Decoder

GATE_UP_DOWN = ("w1.weight", "w3.weight", "w2.weight")


def describe(source: Source) -> Decoder:
    settings, positions = source.settings, llama.rope(source.settings)
    window = settings.count("sliding_window") if "sliding_window" in settings else None
    return llama.decoder(
        source,
        (
            llama.layer(
                tensors,
                settings,
                replace(llama.attention(tensors, settings, positions), sliding_window=window),
                _experts(tensors.at("block_sparse_moe"), settings),
            )
            for tensors in llama.each_layer(source)
        ),
        n_experts=settings.count("num_local_experts"),
        n_experts_per_token=settings.count("num_experts_per_tok"),
    )


def _experts(tensors: Tensors, settings: Settings) -> MixtureOfExperts:
    hidden, inner = settings.count("hidden_size"), settings.count("intermediate_size")
    n_experts = settings.count("num_local_experts")
    return MixtureOfExperts(
        router=Linear(tensors.matrix("gate.weight", n_experts, hidden)),
        weights=read_experts(tensors, settings, n_experts, inner, GATE_UP_DOWN),
    )
