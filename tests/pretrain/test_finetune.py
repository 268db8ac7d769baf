"""A model adapts to a repository and joins the user's models."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from devstral_ls.engine.manifest import read_manifest, verify_bundle, write_manifest  # noqa: E402  torch may be absent
from onnx_export.export import ExportOptions, plan_export, run_export  # noqa: E402  the same
from onnx_export.pretrain import checkpoint, tokenizer  # noqa: E402  the same
from onnx_export.pretrain.model import PRESETS, Mixtral  # noqa: E402  the same

pytestmark = pytest.mark.torch

LADDER = ((1, 0.1), (3, 0.5))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for n in range(20):
        lines = (f"def price_{n}_{m}(basket):\n    return basket.total({m}) + {n}\n\n" for m in range(60))
        (folder / f"prices_{n}.py").write_text("".join(lines))
    return folder


@pytest.fixture
def base(tmp_path: Path, repository: Path) -> Path:
    """A bundle of a model that nobody trained."""
    texts = [path.read_text() for path in repository.iterdir()]
    tokenizer.train(texts, vocab_size=400).save(str(tmp_path / "tokenizer.json"))
    torch.manual_seed(0)
    config = replace(PRESETS["tiny"], vocab_size=400)
    weights = dict(Mixtral(config).named_parameters())
    checkpoint.save_hf(tmp_path / "hf", config, weights, tmp_path / "tokenizer.json")
    folder = run_export(plan_export(tmp_path / "hf", ExportOptions()), tmp_path / "base").folder
    write_manifest(folder, replace(read_manifest(folder), match_ladder=LADDER, project_ladder=LADDER))
    return folder


def run(monkeypatch: pytest.MonkeyPatch, data: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    monkeypatch.setenv("DEVSTRAL_LS_DATA", str(data))
    command = [sys.executable, "-m", "onnx_export.pretrain", "finetune", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_adapted_model_is_added(
    repository: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says before and after, keeps the ladder, is in the list; a second one of its name is refused at once."""
    done = run(monkeypatch, tmp_path / "data", repository, "--from", base, "--passes", 0.3)
    assert done.returncode == 0, done.stderr
    assert "before: " in done.stderr
    assert "devstral-ls model use embedded-shop" in done.stderr
    (added,) = (tmp_path / "data").rglob("embedded-shop")
    manifest = verify_bundle(added)
    assert manifest.match_ladder == manifest.project_ladder == LADDER
    told = manifest.provenance
    assert told["after"]["bits_per_byte"] < told["before"]["bits_per_byte"]
    again = run(monkeypatch, tmp_path / "data", repository, "--from", base)
    assert again.returncode == 1
    assert again.stderr.strip().endswith("choose another name with --name")


def test_out_writes_the_bundle_and_adds_nothing(
    repository: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For measuring."""
    done = run(monkeypatch, tmp_path / "data", repository, "--from", base, "--passes", 0.1, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["provenance"]["finetuned_on"] == ["shop"]
    assert not (tmp_path / "data").exists()
