"""DeepSeek-Coder-V2: latent attention, shared experts, and chosen experts that keep their own probabilities."""

from dataclasses import replace

from onnx_export.architectures import llama
from onnx_export.architectures.latent import latent_attention
from onnx_export.architectures.routed import read_experts
from onnx_export.blocks.experts import MixtureOfExperts
from onnx_export.blocks.rope import read_rope
from onnx_export.build import Linear
from onnx_export.checkpoint import Settings, Source, Tensors
from onnx_export.decoder import Decoder, FeedForward, Layer
from onnx_export.errors import Unsupported


def describe(source: Source) -> Decoder:
    settings = source.settings
    method = settings.text("topk_method", "greedy")
    if method != "greedy":
        raise Unsupported(f"config.json: topk_method {method!r} is not proven; take DeepSeek-Coder-V2-Lite (greedy)")
    positions = read_rope(settings, settings.count("qk_rope_head_dim"))
    return llama.decoder(
        source,
        (
            Layer(
                llama.rms_norm(tensors, "input_layernorm", settings.count("hidden_size"), settings),
                latent_attention(tensors.at("self_attn"), settings, positions),
                llama.rms_norm(tensors, "post_attention_layernorm", settings.count("hidden_size"), settings),
                feed_forward(tensors.at("mlp"), settings, index, renormalised=False),
            )
            for index, tensors in enumerate(llama.each_layer(source))
        ),
        n_experts=settings.count("n_routed_experts"),
        n_experts_per_token=settings.count("num_experts_per_tok"),
    )


def feed_forward(tensors: Tensors, settings: Settings, index: int, *, renormalised: bool) -> FeedForward:
    """Return a dense block for the first layers, then experts of which some are shared by every token."""
    if index < settings.count("first_k_dense_replace", 0):
        return llama.gated(tensors, settings, settings.count("intermediate_size"))
    hidden, inner = settings.count("hidden_size"), settings.count("moe_intermediate_size")
    n_experts, n_shared = settings.count("n_routed_experts"), settings.count("n_shared_experts", 0)
    mixture = MixtureOfExperts(
        router=Linear(tensors.matrix("gate.weight", n_experts, hidden)),
        weights=read_experts(tensors, settings, n_experts, inner),
        renormalised=renormalised,
        factor=settings.number("routed_scaling_factor", 1.0),
    )
    if not n_shared:
        return mixture
    return replace(mixture, shared=llama.gated(tensors.at("shared_experts"), settings, n_shared * inner))
