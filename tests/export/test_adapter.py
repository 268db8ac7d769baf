"""A LoRA adapter is merged while its base streams through, and only into the base that it was made for."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from safetensors.numpy import load_file, save_file

from onnx_export.adapter import read_adapter
from onnx_export.checkpoint import open_checkpoint, with_adapter
from onnx_export.errors import AdapterError

MODULE = "model.layers.1.self_attn.q_proj"
SHAPE = (64, 64)
RANK = 4
PLAIN = {"peft_type": "LORA", "r": RANK, "lora_alpha": 8, "bias": "none", "target_modules": ["q_proj"]}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny.read_tiny("mixtral").write(tmp_path / "base")


def write_adapter(
    folder: Path,
    settings: dict[str, object] | None = None,
    module: str = MODULE,
    shape: tuple[int, int] = SHAPE,
) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(PLAIN | (settings or {})))
    halves = {"lora_A": (RANK, shape[1]), "lora_B": (shape[0], RANK)}
    weights = {f"base_model.model.{module}.{half}.weight": tiny.values(half, of) for half, of in halves.items()}
    save_file(weights, folder / "adapter_model.safetensors")
    return folder


def merged(base: Path, adapter: Path, module: str = MODULE) -> np.ndarray:
    checkpoint = open_checkpoint(base)
    checkpoint = with_adapter(checkpoint, read_adapter(adapter, checkpoint.tensors.table))
    return checkpoint.tensors.matrix(f"{module}.weight", *SHAPE).whole()


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({}, 2.0),
        ({"use_rslora": True}, 4.0),
        ({"alpha_pattern": {"q_proj": 2}}, 0.5),
        ({"alpha_pattern": {"layers.0.self_attn.q_proj": 2}}, 2.0),
    ],
)
def test_merged_weight(base: Path, tmp_path: Path, settings: dict[str, object], factor: float) -> None:
    """Weight + B · A times alpha over rank, or over its root, or with the module's own alpha."""
    adapter = write_adapter(tmp_path / "adapter", settings)
    halves = load_file(adapter / "adapter_model.safetensors")
    left, right = (halves[f"base_model.model.{MODULE}.{half}.weight"] for half in ("lora_B", "lora_A"))
    plain = load_file(base / "model.safetensors")[f"{MODULE}.weight"]
    np.testing.assert_allclose(plain + factor * (left @ right), merged(base, adapter), rtol=1e-5, atol=1e-5)


def test_other_weights_stay(base: Path, tmp_path: Path) -> None:
    """What the adapter does not name is read as it is stored."""
    adapter = write_adapter(tmp_path / "adapter")
    other = "model.layers.0.self_attn.q_proj"
    plain = load_file(base / "model.safetensors")[f"{other}.weight"]
    np.testing.assert_array_equal(plain, merged(base, adapter, other))


def check_refused(base: Path, adapter: Path, words: str) -> None:
    with pytest.raises(AdapterError, match=words) as caught:
        read_adapter(adapter, open_checkpoint(base).tensors.table)
    assert "\n" not in str(caught.value)


def test_adapter_of_another_base(base: Path, tmp_path: Path) -> None:
    """A module that the base lacks is named."""
    adapter = write_adapter(tmp_path / "adapter", module="model.layers.9.self_attn.q_proj")
    check_refused(base, adapter, r"layers\.9\.self_attn\.q_proj, which this checkpoint lacks: another base model")


def test_adapter_of_another_size(base: Path, tmp_path: Path) -> None:
    """A module of another shape is named with both."""
    check_refused(base, write_adapter(tmp_path / "adapter", shape=(64, 32)), r"64 x 32, .* 64 x 64: another base")


@pytest.mark.parametrize(
    "settings",
    [
        {"peft_type": "LOHA"},
        {"use_dora": True},
        {"fan_in_fan_out": True},
        {"bias": "all"},
        {"modules_to_save": ["lm_head"]},
        {"target_parameters": ["experts.gate_up_proj"]},
    ],
)
def test_adapter_of_a_kind_that_is_not_proven(base: Path, tmp_path: Path, settings: dict[str, object]) -> None:
    """What merging would get wrong is refused by its name in the settings."""
    check_refused(base, write_adapter(tmp_path / "adapter", settings), next(iter(settings)))


def test_pickled_adapter(base: Path, tmp_path: Path) -> None:
    """Pickles are not read."""
    adapter = write_adapter(tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    check_refused(base, adapter, "pickled adapters are not read")


def test_half_an_adapter(base: Path, tmp_path: Path) -> None:
    """A missing half is named."""
    adapter = write_adapter(tmp_path / "adapter")
    weights = load_file(adapter / "adapter_model.safetensors")
    del weights[f"base_model.model.{MODULE}.lora_B.weight"]
    save_file(weights, adapter / "adapter_model.safetensors")
    check_refused(base, adapter, "no lora_B")
