"""One file an architecture: each reads a checkpoint and says what decoder it is."""

from collections.abc import Callable

from onnx_export.architectures import (
    deepseek_v2,
    gpt_oss,
    granite,
    llama,
    ministral3,
    mistral,
    mistral3,
    mistral4,
    mixtral,
    qwen2,
    qwen3,
    qwen3_moe,
    starcoder2,
)
from onnx_export.checkpoint import Checkpoint, Source
from onnx_export.decoder import Decoder
from onnx_export.errors import Unsupported

ARCHITECTURES: dict[str, Callable[[Source], Decoder]] = {
    "deepseek_v2": deepseek_v2.describe,
    "gpt_oss": gpt_oss.describe,
    "granite": granite.describe,
    "llama": llama.describe,
    "ministral3": ministral3.describe,
    "mistral": mistral.describe,
    "mistral4": mistral4.describe,
    "mixtral": mixtral.describe,
    "qwen2": qwen2.describe,
    "qwen3": qwen3.describe,
    "qwen3_moe": qwen3_moe.describe,
    "starcoder2": starcoder2.describe,
}
# What to take instead of some that are asked for often.
INSTEAD = {
    "gpt_bigcode": "StarCoder2",
    "granitemoehybrid": "a dense Granite, or Qwen3-Coder-30B-A3B",
    "qwen3_next": "Qwen3-Coder-30B-A3B",
    "qwen3_5_moe": "Qwen3-Coder-30B-A3B",
    "mistral_large4": "Mistral Small 4",
    "deepseek_v3": "DeepSeek-Coder-V2-Lite",
}


def find_source(checkpoint: Checkpoint) -> Source:
    """Return the text model of a checkpoint."""
    tensors = checkpoint.tensors
    source = Source(checkpoint.settings, tensors.at("model"), tensors)
    return mistral3.text_part(source) if source.model_type == "mistral3" else source


def describe(source: Source) -> Decoder:
    """Return the decoder; refuse by name what is not proven."""
    known = ARCHITECTURES.get(source.model_type)
    if known is not None:
        return known(source)
    instead = INSTEAD.get(source.model_type)
    hint = f"take {instead} instead" if instead else f"known are {', '.join(ARCHITECTURES)}"
    raise Unsupported(f"{source.settings.where}: model_type {source.model_type!r} is not proven here; {hint}")
