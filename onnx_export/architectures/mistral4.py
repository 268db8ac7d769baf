"""Mistral Small 4 and Leanstral: DeepSeek's latent attention and shared expert, Mistral's query scale."""

from onnx_export.architectures import deepseek_v2, llama
from onnx_export.architectures.latent import latent_attention
from onnx_export.architectures.ministral3 import read_position_scale
from onnx_export.blocks.rope import read_rope
from onnx_export.checkpoint import Source
from onnx_export.decoder import Decoder, Layer
from onnx_export.errors import Unsupported


def describe(source: Source) -> Decoder:
    settings = source.settings
    if settings.count("n_group", 1) != 1:
        raise Unsupported(
            f"config.json: n_group {settings.count('n_group')} is not proven; published checkpoints say 1"
        )
    positions = read_rope(settings, settings.count("qk_rope_head_dim"))
    scale, hidden = read_position_scale(settings), settings.count("hidden_size")
    renormalised = settings.flag("norm_topk_prob", default=True)
    return llama.decoder(
        source,
        (
            Layer(
                llama.rms_norm(tensors, "input_layernorm", hidden, settings),
                latent_attention(tensors.at("self_attn"), settings, positions, position_scale=scale),
                llama.rms_norm(tensors, "post_attention_layernorm", hidden, settings),
                deepseek_v2.feed_forward(tensors.at("mlp"), settings, index, renormalised=renormalised),
            )
            for index, tensors in enumerate(llama.each_layer(source))
        ),
        n_experts=settings.count("n_routed_experts"),
        n_experts_per_token=settings.count("num_experts_per_tok"),
    )
