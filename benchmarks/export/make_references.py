"""Computes the reference logits of tests/export/fixtures with torch and transformers, or checks the committed ones.

python benchmarks/export/make_references.py [--check] [NAME …]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "export"))
import tiny

from onnx_export.safetensors_file import read_table

N_TOKENS = 160  # beyond every original window below
# Smallest difference between a torch build and another that is not a mistake.
TOLERANCE = 1e-4
TOKENS = {"vocab_size": tiny.VOCAB_SIZE, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
SHAPE = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
COMMON = TOKENS | SHAPE | {"max_position_embeddings": 256}
PLAIN_ROPE = {"rope_type": "default", "rope_theta": 10_000.0}

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "original_max_position_embeddings": 32,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
}
MISTRAL_YARN = YARN | {"mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1}
DENSE = COMMON | {"intermediate_size": 96}
LATENT = {
    "kv_lora_rank": 32,
    "qk_rope_head_dim": 16,
    "qk_nope_head_dim": 32,
    "v_head_dim": 32,
    "num_key_value_heads": 4,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "intermediate_size": 96,
    "first_k_dense_replace": 1,
}
VISION = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
MINISTRAL3 = DENSE | {"head_dim": 16, "rope_parameters": MISTRAL_YARN}

CONFIGS: dict[str, tuple[str, dict[str, object]]] = {
    "mixtral": (
        "Mixtral",
        COMMON
        | {"intermediate_size": 96, "num_local_experts": 8, "num_experts_per_tok": 2, "rope_parameters": PLAIN_ROPE},
    ),
    "mixtral_tied": (
        "Mixtral",
        COMMON
        | {"intermediate_size": 64, "num_local_experts": 4, "num_experts_per_tok": 2, "rope_parameters": PLAIN_ROPE}
        | {"tie_word_embeddings": True, "num_key_value_heads": 1},
    ),
    "mistral_sliding": ("Mistral", DENSE | {"sliding_window": 48, "rope_parameters": PLAIN_ROPE}),
    "ministral3": ("Ministral3", MINISTRAL3),
    "mistral3": (
        "Mistral3",
        {"text_config": {"model_type": "ministral3"} | MINISTRAL3, "vision_config": {"model_type": "pixtral"} | VISION},
    ),
    "llama3": ("Llama", DENSE | {"rope_parameters": LLAMA3_ROPE}),
    "llama_linear": (
        "Llama",
        DENSE
        | {"attention_bias": True, "mlp_bias": True}
        | {"rope_parameters": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}},
    ),
    "qwen2": ("Qwen2", DENSE | {"rope_parameters": PLAIN_ROPE, "tie_word_embeddings": True}),
    "qwen2_sliding": (
        "Qwen2",
        DENSE | {"rope_parameters": YARN, "use_sliding_window": True, "sliding_window": 40, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3", DENSE | {"head_dim": 32, "rope_parameters": PLAIN_ROPE}),
    "qwen3_moe": (
        "Qwen3Moe",
        DENSE
        | {"head_dim": 32, "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
        | {"mlp_only_layers": [1], "norm_topk_prob": True, "rope_parameters": PLAIN_ROPE},
    ),
    "qwen3_moe_unnormalised": (
        "Qwen3Moe",
        DENSE
        | {"head_dim": 32, "num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 32}
        | {"mlp_only_layers": [], "norm_topk_prob": False, "rope_parameters": YARN},
    ),
    "deepseek_v2": (
        "DeepseekV2",
        COMMON
        | LATENT
        | {"q_lora_rank": None, "n_shared_experts": 2, "routed_scaling_factor": 1.5, "norm_topk_prob": False}
        | {"rope_parameters": YARN | {"mscale": 0.707, "mscale_all_dim": 0.707}},
    ),
    "mistral4": (
        "Mistral4",
        COMMON
        | LATENT
        | {"q_lora_rank": 32, "n_shared_experts": 1, "rope_parameters": MISTRAL_YARN, "first_k_dense_replace": 0},
    ),
    "granite": (
        "Granite",
        DENSE
        | {"embedding_multiplier": 6.0, "residual_multiplier": 0.3, "attention_multiplier": 0.1, "logits_scaling": 4.0}
        | {"rope_parameters": PLAIN_ROPE, "tie_word_embeddings": True},
    ),
    "starcoder2": ("Starcoder2", DENSE | {"sliding_window": 48, "rope_parameters": PLAIN_ROPE}),
    "gpt_oss": (
        "GptOss",
        COMMON
        | {"intermediate_size": 64, "head_dim": 32, "num_local_experts": 8, "num_experts_per_tok": 2}
        | {"sliding_window": 24, "rope_parameters": YARN | {"truncate": False}},
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CONFIGS))
    parser.add_argument("--check", action="store_true", help="compare with the committed logits, write nothing")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    n_wrong = 0
    for name in arguments.names:
        if not arguments.check:
            write_shapes(name)
        tokens, logits = reference(name)
        if arguments.check:
            difference = np.abs(tiny.read_reference(name)[1] - logits).max()
            n_wrong += not difference <= TOLERANCE
            print(f"{name}: {difference:.1e} from the committed logits")
        else:
            np.savez_compressed(tiny.FIXTURES / f"{name}.npz", tokens=tokens, logits=logits)
            print(f"{name}: logits {logits.shape}, deviation {logits.std():.2f}")
    return 1 if n_wrong else 0


def write_shapes(name: str) -> None:
    """Let transformers' own class say which tensors a checkpoint holds."""
    family, settings = CONFIGS[name]
    config = getattr(transformers, f"{family}Config")(**settings)
    model = model_class(family)(config)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        saved = json.loads((Path(folder) / "config.json").read_text())
        shapes = {key: stored.shape for key, stored in read_table(Path(folder) / "model.safetensors").items()}
    saved.pop("transformers_version", None)
    (tiny.FIXTURES / f"{name}.json").write_text(json.dumps({"config": saved, "shapes": shapes}, indent=1) + "\n")


def reference(name: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Load the tiny checkpoint as a user would, run it whole; every expert must have been chosen somewhere."""
    family, _ = CONFIGS[name]
    with tempfile.TemporaryDirectory() as folder:
        tiny.read_tiny(name).write(Path(folder))
        model, report = model_class(family).from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
    assert not any(report[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    tokens = np.random.RandomState(11).randint(4, tiny.VOCAB_SIZE, N_TOKENS).astype(np.int64)
    chosen = watch_routers(model)
    with torch.no_grad():
        logits = model.eval()(torch.from_numpy(tokens)[None]).logits[0].float().numpy()
    for layer, (n_experts, experts) in chosen.items():
        assert len(experts) == n_experts, f"{name}: {layer} chose {sorted(experts)} of {n_experts} experts only"
    return tokens, logits


def watch_routers(model: torch.nn.Module) -> dict[str, tuple[int, set[int]]]:
    """Record which experts each layer chooses."""
    chosen: dict[str, tuple[int, set[int]]] = {}
    for name, module in model.named_modules():
        if type(module).__name__.endswith("Experts") and hasattr(module, "num_experts"):
            chosen[name] = (module.num_experts, set())
            module.register_forward_pre_hook(recorder(chosen[name][1]), with_kwargs=True)
    return chosen


def recorder(experts: set[int]):  # noqa: ANN201
    def record(_module: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        indices = [
            value for value in (*args, *kwargs.values()) if torch.is_tensor(value) and value.dtype == torch.int64
        ]
        experts.update(indices[0].ravel().tolist())

    return record


def model_class(family: str) -> type:
    name = f"{family}ForCausalLM"
    return getattr(transformers, name, None) or getattr(transformers, f"{family}ForConditionalGeneration")


if __name__ == "__main__":
    sys.exit(main())
