"""Qwen3-Coder-30B-A3B and its family: Qwen3's attention, and experts in most layers."""

from dataclasses import replace

from onnx_export.architectures import llama, qwen3
from onnx_export.architectures.routed import read_experts
from onnx_export.blocks.experts import MixtureOfExperts
from onnx_export.build import Linear
from onnx_export.checkpoint import Settings, Source, Tensors
from onnx_export.decoder import Decoder, FeedForward


def describe(source: Source) -> Decoder:
    settings, positions = source.settings, llama.rope(source.settings)
    slides = settings.flag("use_sliding_window", default=False)
    window = settings.count("sliding_window") if slides else None
    return llama.decoder(
        source,
        (
            llama.layer(
                tensors,
                settings,
                replace(qwen3.attention(tensors, settings, positions), sliding_window=window),
                _feed_forward(tensors.at("mlp"), settings, index),
            )
            for index, tensors in enumerate(llama.each_layer(source))
        ),
        n_experts=n_experts(settings),
        n_experts_per_token=settings.count("num_experts_per_tok"),
    )


def n_experts(settings: Settings) -> int:
    """Return the number of experts: newer versions of transformers save it under another name."""
    return settings.first_count("num_experts", "num_local_experts")


def _feed_forward(tensors: Tensors, settings: Settings, index: int) -> FeedForward:
    step = settings.count("decoder_sparse_step", 1)
    if index in settings.counts("mlp_only_layers") or (index + 1) % step != 0:
        return llama.gated(tensors, settings, settings.count("intermediate_size"))
    hidden, inner = settings.count("hidden_size"), settings.count("moe_intermediate_size")
    return MixtureOfExperts(
        router=Linear(tensors.matrix("gate.weight", n_experts(settings), hidden)),
        weights=read_experts(tensors, settings, n_experts(settings), inner),
        # The class's own default is False, the published checkpoints say True.
        renormalised=settings.flag("norm_topk_prob", default=False),
    )
