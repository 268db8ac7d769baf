"""Whatever is wrong with a checkpoint, one line says so, and no model folder that verifies is left behind."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tiny
from safetensors.numpy import load_file, save_file

from devstral_ls.engine.manifest import verify_bundle
from devstral_ls.errors import BundleMissing
from onnx_export.errors import ExportError
from onnx_export.export import ExportOptions, ExportPlan, plan_export, run_export

DISK_BYTES, PAGE_BYTES = 4 << 20, 4096
WEIGHT = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tiny.read_tiny("mixtral").write(tmp_path / "checkpoint")


def check_refused(checkpoint: Path, words: str, **options: object) -> None:
    """The export stops with one line; where the model folder would be there is none."""
    out = checkpoint.parent / "out"
    with pytest.raises(ExportError, match=words) as caught:
        run_export(plan_export(checkpoint, ExportOptions(**options)), out)
    message = str(caught.value)
    assert "\n" not in message
    assert not message.endswith(".")
    for folder in (out, out.with_name("out.partial")):
        with pytest.raises(BundleMissing):
            verify_bundle(folder)


def check_full(plan: ExportPlan, disk: Path, progress: Callable[[int], None]) -> None:
    """One line, no folder that verifies; with the other file gone, the same export ends well."""
    with pytest.raises(ExportError, match=r"the disk of \S+ is full; free \d+ MiB and run it again") as caught:
        run_export(plan, disk / "out", progress)
    assert "\n" not in str(caught.value)
    for folder in (disk / "out", disk / "out.partial"):
        with pytest.raises(BundleMissing):
            verify_bundle(folder)
    (disk / "other").unlink()
    assert "mixtral" == verify_bundle(run_export(plan, disk / "out").folder).architecture


def edit_config(checkpoint: Path, **changes: object) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(config | changes))


def edit_weights(checkpoint: Path, edit: Callable[[dict[str, np.ndarray]], object]) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    edit(weights)
    save_file(weights, checkpoint / "model.safetensors")


def split_into_shards(checkpoint: Path) -> None:
    """Two shards and an index, as large checkpoints have."""
    weights = load_file(checkpoint / "model.safetensors")
    names = sorted(weights)
    halves = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for shard, own in halves.items():
        save_file({name: weights[name] for name in own}, checkpoint / shard)
    weight_map = {name: shard for shard, own in halves.items() for name in own}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (checkpoint / "model.safetensors").unlink()


def test_shards(checkpoint: Path) -> None:
    """A checkpoint in shards is exported as one in a single file."""
    split_into_shards(checkpoint)
    exported = run_export(plan_export(checkpoint, ExportOptions(precision="fp32")), checkpoint.parent / "out")
    assert "mixtral" == verify_bundle(exported.folder).architecture


def test_missing_folder(tmp_path: Path) -> None:
    check_refused(tmp_path / "gone", r"no folder at .*gone; give the folder that holds config\.json")


def test_missing_config(checkpoint: Path) -> None:
    (checkpoint / "config.json").unlink()
    check_refused(checkpoint, r"holds no config\.json")


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000])
def test_damaged_config(checkpoint: Path, text: str) -> None:
    (checkpoint / "config.json").write_text(text)
    check_refused(checkpoint, r"config\.json .*fetch it again")


def test_wrong_setting(checkpoint: Path) -> None:
    edit_config(checkpoint, hidden_size="large")
    check_refused(checkpoint, r"hidden_size should be a whole number, found 'large'")


def test_missing_shard(checkpoint: Path) -> None:
    split_into_shards(checkpoint)
    (checkpoint / "model-2.safetensors").unlink()
    check_refused(checkpoint, r"the shard model-2\.safetensors is missing")


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "a/b.safetensors", "model.bin"])
def test_shard_name_that_leaves_the_folder(checkpoint: Path, name: str) -> None:
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {WEIGHT: name}}))
    check_refused(checkpoint, r"no plain file name")


def test_shard_that_links_away(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    (checkpoint / "model.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    check_refused(checkpoint, r"links to .*elsewhere\.safetensors, outside the checkpoint")


@pytest.mark.parametrize("name", ["tokenizer.json", "LICENSE"])
def test_copied_file_that_links_away(checkpoint: Path, tmp_path: Path, name: str) -> None:
    """A checkpoint cannot carry a file of this machine into a model folder that is given on."""
    (tmp_path / "private").write_text("secret")
    (checkpoint / name).unlink(missing_ok=True)
    (checkpoint / name).symlink_to(tmp_path / "private")
    check_refused(checkpoint, rf"{name} links to .*private, outside the checkpoint")


def test_shard_that_links_into_the_hugging_face_cache(checkpoint: Path, tmp_path: Path) -> None:
    """In that cache a checkpoint's files are links to ../../blobs."""
    snapshot, blobs = tmp_path / "cache" / "snapshots" / "main", tmp_path / "cache" / "blobs"
    blobs.mkdir(parents=True)
    snapshot.parent.mkdir()
    checkpoint.rename(snapshot)
    (snapshot / "model.safetensors").rename(blobs / "abc")
    (snapshot / "model.safetensors").symlink_to("../../blobs/abc")
    assert 0 < plan_export(snapshot, ExportOptions()).size_bytes


@pytest.mark.parametrize("n_bytes", [0, 4, 8, 100, -1])
def test_truncated_weights(checkpoint: Path, n_bytes: int) -> None:
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:n_bytes])
    check_refused(checkpoint, r"model\.safetensors.*(truncated|damaged)")


def test_absurd_header(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    path.write_bytes((2**60).to_bytes(8, "little") + path.read_bytes()[8:])
    check_refused(checkpoint, r"truncated or no safetensors file")


def test_weight_of_the_wrong_shape(checkpoint: Path) -> None:
    edit_weights(checkpoint, lambda weights: weights.update({WEIGHT: np.zeros((64, 63), np.float32)}))
    check_refused(checkpoint, r"q_proj\.weight is \[64, 63\], config\.json asks for \[64, 64\]")


def test_missing_weight(checkpoint: Path) -> None:
    edit_weights(checkpoint, lambda weights: weights.pop(WEIGHT))
    check_refused(checkpoint, r"no tensor model\.layers\.0\.self_attn\.q_proj\.weight")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("precision", ["fp32", "int4"])
def test_weight_that_is_not_finite(checkpoint: Path, value: float, precision: str) -> None:
    edit_weights(checkpoint, lambda weights: weights[WEIGHT].__setitem__((3, 5), value))
    check_refused(checkpoint, r"q_proj\.weight in model\.safetensors holds NaN or infinity", precision=precision)


def test_pickled_weights(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    check_refused(checkpoint, r"only pickled weights, which can run code")


def test_no_weights(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    check_refused(checkpoint, r"holds no model\.safetensors")


@pytest.mark.parametrize(
    ("model_type", "instead"), [("mamba", "known are"), ("qwen3_next", "take Qwen3-Coder-30B-A3B instead")]
)
def test_unknown_architecture(checkpoint: Path, model_type: str, instead: str) -> None:
    """What is not proven is refused by name, with what to take instead."""
    edit_config(checkpoint, model_type=model_type)
    check_refused(checkpoint, rf"model_type '{model_type}' is not proven here; .*{instead}")


def test_unknown_rope(checkpoint: Path) -> None:
    edit_config(checkpoint, rope_parameters={"rope_type": "spiral", "rope_theta": 1e4})
    check_refused(checkpoint, r"rope_type 'spiral' is not proven")


def test_unknown_activation(checkpoint: Path) -> None:
    edit_config(checkpoint, hidden_act="relu")
    check_refused(checkpoint, r"hidden_act 'relu' is not proven")


def test_window_longer_than_the_positions(checkpoint: Path) -> None:
    check_refused(checkpoint, r"--window 300 is longer than the model's 256 positions", window_tokens=300)


@pytest.mark.parametrize(("option", "value"), [("precision", "int3"), ("provider", "tpu")])
def test_unknown_option(checkpoint: Path, option: str, value: str) -> None:
    check_refused(checkpoint, rf"no {option} '{value}'; known are", **{option: value})


def test_no_tokenizer(checkpoint: Path) -> None:
    (checkpoint / "tokenizer.json").unlink()
    check_refused(checkpoint, r"holds none of tokenizer\.json, tekken\.json, tokenizer\.model")


@pytest.mark.parametrize("text", ["{}", "[", '{"version": "1.0", "model": {"type": "BPE"}}'])
def test_damaged_tokenizer(checkpoint: Path, text: str) -> None:
    (checkpoint / "tokenizer.json").write_text(text)
    check_refused(checkpoint, r"tokenizer\.json of the checkpoint is damaged")


def test_no_end_token(checkpoint: Path) -> None:
    edit_config(checkpoint, eos_token_id=None)
    check_refused(checkpoint, r"names no eos_token_id")


def test_model_folder_that_exists(checkpoint: Path, tmp_path: Path) -> None:
    """Nothing is ever overwritten."""
    (tmp_path / "out").mkdir()
    check_refused(checkpoint, r"out exists already; choose another folder or remove it")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many bytes."""
    small = tmp_path / "small"
    small.mkdir()

    def mount(n_bytes: int) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "none", small]
        if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("cannot mount here")
        return small

    yield mount
    subprocess.run(["umount", small], check=False, capture_output=True)


def test_full_disk(checkpoint: Path, small_disk: Callable[[int], Path]) -> None:
    """The size is known before, so a disk that is too small is told before anything is written."""
    with pytest.raises(ExportError, match=r"0 MiB free, the weights need 1 MiB"):
        run_export(plan_export(checkpoint, ExportOptions()), small_disk(64 << 10) / "out")


def test_disk_that_fills_meanwhile(checkpoint: Path, small_disk: Callable[[int], Path]) -> None:
    """Somebody else takes the room while weights are written."""
    disk = small_disk(DISK_BYTES)

    def fill(_n_bytes: int) -> None:
        with suppress(OSError):
            (disk / "other").write_bytes(bytes(DISK_BYTES))

    check_full(plan_export(checkpoint, ExportOptions(precision="fp32")), disk, fill)


def test_disk_that_holds_the_weights_alone(checkpoint: Path, small_disk: Callable[[int], Path]) -> None:
    """The graph comes after them and does not fit."""
    disk, plan = small_disk(DISK_BYTES), plan_export(checkpoint, ExportOptions(precision="fp32"))
    n_pages = -(-plan.size_bytes // PAGE_BYTES)
    (disk / "other").write_bytes(bytes(DISK_BYTES - (n_pages + 1) * PAGE_BYTES))
    check_full(plan, disk, lambda _n_bytes: None)


def test_command_line_says_one_line(checkpoint: Path, tmp_path: Path) -> None:
    """Exit code 2, the reason on stderr, nothing on stdout."""
    edit_config(checkpoint, model_type="mamba")
    command = [sys.executable, "-m", "onnx_export", checkpoint, tmp_path / "out"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (2, "") == (told.returncode, told.stdout)
    assert told.stderr.startswith("error: config.json: model_type 'mamba' is not proven")
    assert 1 == told.stderr.count("\n")


def test_command_line_dry_run_writes_nothing(checkpoint: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "onnx_export", checkpoint, tmp_path / "out", "--dry-run"]
    assert 0 == subprocess.run(command, capture_output=True, check=False).returncode
    assert ["checkpoint"] == [path.name for path in tmp_path.iterdir()]


def test_command_line_says_what_the_system_refuses(checkpoint: Path) -> None:
    """Whatever the system has against the folder, it is one line with its name."""
    out = checkpoint / "config.json" / "out"
    command = [sys.executable, "-m", "onnx_export", checkpoint, out, "--window", "64"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 2 == told.returncode
    assert told.stderr.endswith(f"error: {out}.partial: Not a directory\n")


def test_command_line_tells_estimate_and_verdict(checkpoint: Path, tmp_path: Path) -> None:
    """A newcomer reads how large it gets before, and whether it is good after."""
    command = [sys.executable, "-m", "onnx_export", checkpoint, tmp_path / "out"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    before, _, after = told.partition("written ")
    assert "memory to export" in before
    assert "PASS: it runs, all logits are finite" in after
