"""LoRA adapters as PEFT saves them, read so that they can be merged while a checkpoint streams through."""

import math
import re
from collections.abc import Mapping
from pathlib import Path

from onnx_export.checkpoint import LowRank, Settings, read_json
from onnx_export.errors import AdapterError
from onnx_export.safetensors_file import StoredTensor, read_table

WEIGHTS_NAME = "adapter_model.safetensors"
PREFIX = "base_model.model."

# Where newer versions of transformers and checkpoints on disk differ in the names of wrapped text models.
RENAMED = (("model.language_model.", "language_model.model."),)


def read_adapter(folder: Path, table: Mapping[str, StoredTensor]) -> dict[str, LowRank]:
    """Return what to add to each weight; every part of the adapter must fit the checkpoint's `table`."""
    settings = Settings(read_json(folder / "adapter_config.json"), "adapter_config.json")
    _require_plain(settings)
    if not (folder / WEIGHTS_NAME).is_file():
        raise AdapterError(f"{folder} holds no {WEIGHTS_NAME}; pickled adapters are not read, save it as safetensors")
    stored = read_table(folder / WEIGHTS_NAME)
    updates: dict[str, LowRank] = {}
    for name in sorted(stored):
        module = _module(name)
        if module is not None:
            weight = _weight_name(module, table, folder)
            updates[weight] = _low_rank(module, stored, settings, table[weight])
    if not updates:
        raise AdapterError(f"{folder / WEIGHTS_NAME} holds no LoRA weights")
    return updates


def _require_plain(settings: Settings) -> None:
    """Refuse by name what merging would get wrong."""
    kind = settings.text("peft_type", "LORA")
    if kind != "LORA":
        raise AdapterError(f"adapter_config.json: peft_type {kind!r} cannot be merged here; known is LORA")
    for key in ("use_dora", "fan_in_fan_out", "lora_bias"):
        if settings.flag(key, default=False):
            raise AdapterError(f"adapter_config.json: {key} is not proven; merge the adapter with PEFT first")
    if settings.text("bias", "none") != "none":
        raise AdapterError("adapter_config.json: trained biases are not proven; merge the adapter with PEFT first")
    for key in ("modules_to_save", "target_parameters"):
        if settings.raw.get(key):
            raise AdapterError(f"adapter_config.json: {key} is not proven; merge the adapter with PEFT first")


def _module(name: str) -> str | None:
    """Return the module that a lora_A belongs to; None for its other half, which is read with it."""
    if name.endswith(".lora_A.weight") and name.startswith(PREFIX):
        return name.removeprefix(PREFIX).removesuffix(".lora_A.weight")
    if name.endswith(".lora_B.weight"):
        return None
    raise AdapterError(f"the adapter's {name} is no plain LoRA weight; merge the adapter with PEFT first")


def _weight_name(module: str, table: Mapping[str, StoredTensor], folder: Path) -> str:
    names = [f"{module}.weight", *(f"{module}.weight".replace(new, old) for new, old in RENAMED)]
    found = next((name for name in names if name in table), None)
    if found is None:
        raise AdapterError(f"the adapter in {folder} changes {module}, which this checkpoint lacks: another base model")
    return found


def _low_rank(module: str, stored: Mapping[str, StoredTensor], settings: Settings, weight: StoredTensor) -> LowRank:
    right = stored[f"{PREFIX}{module}.lora_A.weight"].matrix.whole()
    other = stored.get(f"{PREFIX}{module}.lora_B.weight")
    if other is None:
        raise AdapterError(f"the adapter holds lora_A of {module}, but no lora_B; save it again")
    left = other.matrix.whole()
    rank = right.shape[0]
    if left.shape != (weight.shape[0], rank) or right.shape[1] != weight.shape[-1]:
        raise AdapterError(
            f"the adapter's {module} is {left.shape[0]} x {right.shape[1]}, "
            f"the checkpoint's {' x '.join(map(str, weight.shape))}: another base model"
        )
    alpha = _alpha(module, settings)
    return LowRank(left, right, alpha / (math.sqrt(rank) if settings.flag("use_rslora", default=False) else rank))


def _alpha(module: str, settings: Settings) -> float:
    """Return the module's own alpha, where a pattern gives it one."""
    pattern = settings.part("alpha_pattern")
    own = next((key for key in pattern.raw if re.fullmatch(rf"(.*\.)?({key})", module)), None)
    return settings.number("lora_alpha") if own is None else pattern.number(own)
