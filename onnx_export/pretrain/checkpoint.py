"""Weights on disk: resumable training states, and folders that `MixtralForCausalLM` can load."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from onnx_export.pretrain.model import Config, Mixtral, rope_settings

Tensors = dict[str, Tensor]
FACTS_NAME = "training.json"


@dataclass(slots=True)
class Progress:
    """How far a run has come."""

    step: int = 0
    tokens: int = 0
    running_s: float = 0.0  # while it had work to do; a stopped process does not count
    epoch: int = 0
    rows_read: dict[str, int] | None = None  # by row length, in this epoch
    began_at_step: int = 0  # where this run took over the weights of another; it warms up from there


def save_training(folder: Path, model: Mixtral, averaged: Tensors, momenta: Tensors, progress: Progress) -> None:
    """Write all that a resumed run needs; an interrupted write leaves the older state in place."""
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file(dict(model.named_parameters()), fresh / "weights.safetensors")
    save_file(averaged, fresh / "averaged.safetensors")
    save_file(momenta, fresh / "momenta.safetensors")
    facts = {"config": asdict(model.config), "progress": asdict(progress)}
    (fresh / "progress.json").write_text(json.dumps(facts, indent=1))
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    fresh.replace(folder)


def load_training(folder: Path) -> tuple[Mixtral, Tensors, Tensors, Progress] | None:
    """The newest whole state of a run, or None when it has none."""
    whole = next((f for f in (folder, folder.with_name(folder.name + ".old")) if f.exists()), None)
    if whole is None:
        return None
    facts = json.loads((whole / "progress.json").read_text())
    model = Mixtral(Config(**facts["config"]))
    load_weights(model, load_file(whole / "weights.safetensors"))
    averaged = load_file(whole / "averaged.safetensors")
    momenta = load_file(whole / "momenta.safetensors")
    return model, averaged, momenta, Progress(**facts["progress"])


@torch.no_grad()
def load_weights(model: Mixtral, weights: Tensors) -> None:
    """Copy named weights into a model."""
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name])


def save_hf(folder: Path, config: Config, weights: Mapping[str, Tensor], tokenizer: Path) -> None:
    """Write a folder that `MixtralForCausalLM.from_pretrained` and every exporter can read."""
    folder.mkdir(parents=True, exist_ok=True)
    save_config(folder, config)
    save_file(hf_weights(weights), folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(tokenizer, folder / "tokenizer.json")


def save_config(folder: Path, config: Config) -> None:
    """Write or replace the sizes in a checkpoint folder."""
    (folder / "config.json").write_text(json.dumps(hf_config(config), indent=1) + "\n")


def save_facts(folder: Path, run: str, progress: Progress) -> None:
    """Say beside the weights how they came about."""
    facts = {"run": run, **asdict(progress)}
    (folder / FACTS_NAME).write_text(json.dumps(facts, indent=1) + "\n")


def load_hf(folder: Path) -> Mixtral:
    """Read back a folder that `save_hf` wrote."""
    config = read_config(folder)
    model = Mixtral(config)
    load_weights(model, _own_weights(load_file(folder / "model.safetensors"), config))
    return model


def read_config(folder: Path) -> Config:
    """The sizes of the model in a checkpoint folder."""
    facts = json.loads((folder / "config.json").read_text())
    stretch = int((facts.get("rope_scaling") or {}).get("factor", 1))
    return Config(
        d_model=facts["hidden_size"],
        n_layers=facts["num_hidden_layers"],
        n_heads=facts["num_attention_heads"],
        n_kv_heads=facts["num_key_value_heads"],
        d_expert=facts["intermediate_size"],
        vocab_size=facts["vocab_size"],
        head_dim=facts["head_dim"],
        n_experts=facts["num_local_experts"],
        n_experts_per_token=facts["num_experts_per_tok"],
        window_tokens=facts["max_position_embeddings"] // stretch,
        window_stretch=stretch,
        rope_theta=facts["rope_theta"],
        norm_epsilon=facts["rms_norm_eps"],
    )


def hf_config(config: Config) -> dict[str, Any]:
    """The sizes in the names of `MixtralConfig`."""
    return {
        "architectures": ["MixtralForCausalLM"],
        "model_type": "mixtral",
        "hidden_size": config.d_model,
        "intermediate_size": config.d_expert,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "num_local_experts": config.n_experts,
        "num_experts_per_tok": config.n_experts_per_token,
        **rope_settings(config),
        "rms_norm_eps": config.norm_epsilon,
        "vocab_size": config.vocab_size,
        "hidden_act": "silu",
        "sliding_window": None,
        "tie_word_embeddings": True,
        "attention_dropout": 0.0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 3,
        "torch_dtype": "float32",
    }


_ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "o_proj"}


def hf_weights(weights: Mapping[str, Tensor]) -> Tensors:
    """The weights under the names Mixtral checkpoints use, each expert on its own."""
    named = {"model.embed_tokens.weight": weights["embedding"], "model.norm.weight": weights["norm.weight"]}
    n_layers = sum(name.endswith("experts.router") for name in weights)
    for n in range(n_layers):
        own, theirs = f"layers.{n}.", f"model.layers.{n}."
        named[theirs + "input_layernorm.weight"] = weights[own + "attention_norm.weight"]
        named[theirs + "post_attention_layernorm.weight"] = weights[own + "experts_norm.weight"]
        for short, long in _ATTENTION.items():
            named[f"{theirs}self_attn.{long}.weight"] = weights[f"{own}attention.{short}"]
        moe = theirs + "block_sparse_moe."
        named[moe + "gate.weight"] = weights[own + "experts.router"]
        gate_up, down = weights[own + "experts.gate_up"], weights[own + "experts.down"]
        for expert in range(len(down)):
            named[f"{moe}experts.{expert}.w1.weight"] = gate_up[expert, 0]
            named[f"{moe}experts.{expert}.w2.weight"] = down[expert]
            named[f"{moe}experts.{expert}.w3.weight"] = gate_up[expert, 1]
    return {name: tensor.detach().clone().contiguous() for name, tensor in named.items()}


def _own_weights(named: Tensors, config: Config) -> Tensors:
    weights = {"embedding": named["model.embed_tokens.weight"], "norm.weight": named["model.norm.weight"]}
    for n in range(config.n_layers):
        own, theirs = f"layers.{n}.", f"model.layers.{n}."
        weights[own + "attention_norm.weight"] = named[theirs + "input_layernorm.weight"]
        weights[own + "experts_norm.weight"] = named[theirs + "post_attention_layernorm.weight"]
        for short, long in _ATTENTION.items():
            weights[f"{own}attention.{short}"] = named[f"{theirs}self_attn.{long}.weight"]
        moe = theirs + "block_sparse_moe."
        weights[own + "experts.router"] = named[moe + "gate.weight"]
        w1, w2, w3 = (
            torch.stack([named[f"{moe}experts.{e}.w{k}.weight"] for e in range(config.n_experts)]) for k in (1, 2, 3)
        )
        weights[own + "experts.gate_up"] = torch.stack([w1, w3], dim=1)
        weights[own + "experts.down"] = w2
    return weights
