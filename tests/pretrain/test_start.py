"""A run may begin with what ships: a bundle's weights are the checkpoint's it was made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from devstral_ls.cancel import CancelToken  # noqa: E402  torch may be absent
from devstral_ls.engine.backends.ort import open_backend  # noqa: E402  the same
from devstral_ls.engine.manifest import read_manifest, write_manifest  # noqa: E402  torch may be absent
from onnx_export.errors import Unsupported  # noqa: E402  the same
from onnx_export.export import ExportOptions, plan_export, run_export  # noqa: E402  the same
from onnx_export.pretrain import checkpoint, pack, rounding, start, tokenizer, train  # noqa: E402  the same
from onnx_export.pretrain.model import PRESETS, Mixtral  # noqa: E402  the same
from onnx_export.pretrain.state import State  # noqa: E402  the same

pytestmark = pytest.mark.torch

N_LONG = 2500  # beyond the trained window
TOLD = {"training_steps": 7, "training_tokens": 9000, "training_hours": 0.5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint folder of a model that nobody trained."""
    tokenizer.train(["def f(): pass\n"], vocab_size=300).save(str(tmp_path / "tokenizer.json"))
    torch.manual_seed(0)
    config = replace(PRESETS["tiny"], vocab_size=320)
    weights = dict(Mixtral(config).named_parameters())
    checkpoint.save_hf(tmp_path / "hf", config, weights, tmp_path / "tokenizer.json")
    return tmp_path / "hf"


def bundle(folder: Path, precision: str) -> Path:
    options = ExportOptions(precision=precision, provenance=TOLD)
    return run_export(plan_export(folder, options), folder.with_name(precision)).folder


@pytest.mark.parametrize(("precision", "largest_error"), [("fp32", 0.0), ("int8", 0.001), ("int4", 0.02)])
def test_bundle_gives_back_its_weights(folder: Path, precision: str, largest_error: float) -> None:
    """Every tensor in its place and shape, off by what its precision costs."""
    told, again = checkpoint.load_hf(folder), start.open_model(bundle(folder, precision))
    assert again.config == told.config
    found = dict(again.named_parameters())
    for name, parameter in told.named_parameters():
        torch.testing.assert_close(found[name], parameter, atol=largest_error, rtol=0, msg=name)


@pytest.mark.parametrize("bits", rounding.BITS)
def test_gradients_are_taken_at_what_a_bundle_holds(folder: Path, bits: int) -> None:
    """Inside, every weight is what the bundle gives back, to the bit; outside, what it was."""
    model, told = checkpoint.load_hf(folder), checkpoint.load_hf(folder)
    stored = dict(start.open_model(bundle(folder, f"int{bits}")).named_parameters())
    with rounding.rounded(model, bits):
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, stored[name]), name
    for name, parameter in told.named_parameters():
        assert torch.equal(parameter, model.get_parameter(name)), name


def test_a_stretched_window_is_read_back_and_read_alike(folder: Path) -> None:
    """What YaRN did to the positions is found in the bundle itself, and its graph says what torch says."""
    told = checkpoint.load_hf(folder)
    stretched = replace(told.config, window_stretch=2)
    checkpoint.save_config(folder, stretched)
    found = bundle(folder, "fp32")
    assert 4096 == read_manifest(found).window_tokens
    again = start.open_model(found)
    assert stretched == again.config == checkpoint.read_config(folder)
    ids = np.random.default_rng(0).integers(32, 300, N_LONG)
    backend = open_backend(found, read_manifest(found), provider="cpu", n_threads=1)
    logits = backend.logits(backend.new_cache(4096), ids, n_past=0, n_logits=N_LONG, cancel=CancelToken())
    backend.close()
    with torch.no_grad():
        expected = again(torch.from_numpy(ids)[None])[0]
    told_here = torch.from_numpy(logits).log_softmax(-1)
    torch.testing.assert_close(told_here, expected.log_softmax(-1), atol=1e-4, rtol=0)


def test_run_goes_on_from_a_bundle(folder: Path, tmp_path: Path) -> None:
    """It counts on from what the manifest tells, warms up anew and reads the rows it is pointed to."""
    state = State(tmp_path / "state")
    state.packed.mkdir(parents=True)
    (tmp_path / "tokenizer.json").rename(state.tokenizer)
    for length in pack.ROW_TOKENS:
        rows = np.random.default_rng(0).integers(32, 300, (8, length), np.uint16)
        rows.tofile(pack.rows_path(state, 3, length))
    began = bundle(folder, "int8")
    train.train(state, train.Plan("on", "tiny", max_steps=2, start_from=began, epoch=3, batch_tokens=2048))
    _, _, _, progress = checkpoint.load_training(state.run("on") / "steady")
    assert (progress.step, progress.began_at_step, progress.tokens, progress.epoch) == (9, 7, 9000 + 2 * 2048, 3)


def test_rows_of_each_length_are_read_evenly(folder: Path, tmp_path: Path) -> None:
    """However much of an epoch is in long rows."""
    state = State(tmp_path / "state")
    state.packed.mkdir(parents=True)
    (tmp_path / "tokenizer.json").rename(state.tokenizer)
    for length, n_rows in zip(pack.ROW_TOKENS, (8, 6), strict=True):
        np.full((n_rows, length), 40, np.uint16).tofile(pack.rows_path(state, 0, length))
    train.train(state, train.Plan("even", "tiny", max_steps=4, start_from=folder, batch_tokens=2048))
    _, _, _, progress = checkpoint.load_training(state.run("even") / "steady")
    assert {"512": 4, "2048": 3} == progress.rows_read


def test_run_goes_on_from_a_checkpoint(folder: Path) -> None:
    """What stands beside the weights is counted on from, too."""
    checkpoint.save_facts(folder, "XS", checkpoint.Progress(step=5, tokens=800, running_s=60.0))
    progress = start.progress_of(folder)
    assert (progress.step, progress.began_at_step, progress.tokens, progress.running_s) == (5, 5, 800, 60.0)


def test_other_architectures_are_refused(folder: Path) -> None:
    """Their tensors would be read under wrong names."""
    made = bundle(folder, "fp32")
    write_manifest(made, replace(read_manifest(made), architecture="llama"))
    with pytest.raises(Unsupported, match="only mixtral bundles"):
        start.open_model(made)
