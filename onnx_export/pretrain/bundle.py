"""From a trained checkpoint to the bundle that ships: graph, weights, cards, licence, sealed."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from devstral_ls.engine.manifest import Manifest, write_manifest
from onnx_export.export import ExportOptions, plan_export, run_export
from onnx_export.pretrain import cards, checkpoint
from onnx_export.pretrain.sources import HELD_OUT, TRAINING
from onnx_export.pretrain.state import State

NAME = "devstral-ls-embedded"
LICENCE = "Apache-2.0"
Ladder = tuple[tuple[int, float], ...]

PROJECT_LICENCE = Path(__file__).parents[2] / "LICENSE"


def export(
    state: State,
    folder: Path,
    out_dir: Path,
    *,
    precision: str,
    figures: Path | None,
    ladder: Ladder = (),
    project_ladder: Ladder = (),
    window_stretch: int = 1,
    infill_tokens: int | None = None,
) -> Manifest:
    """Make the bundle of a checkpoint folder; its figures may have been measured on an earlier export.

    `window_stretch` has YaRN spread the positions, so that as many trained windows can be read; `infill_tokens`
    is how long a prompt with a hole should be.
    """
    training = json.loads((folder / "training.json").read_text())
    config = replace(checkpoint.read_config(folder), window_stretch=window_stretch)
    options = ExportOptions(precision=precision, name=NAME, license=LICENCE, provenance=_provenance(state, training))
    with tempfile.TemporaryDirectory() as stretched:
        shutil.copytree(folder, stretched, dirs_exist_ok=True)
        checkpoint.save_config(Path(stretched), config)
        manifest = run_export(plan_export(Path(stretched), options), out_dir).manifest
    measured = json.loads(figures.read_text())["figures"] if figures else None
    card = cards.model_card(config, training, measured, precision)
    (out_dir / "README.md").write_text(card, "utf-8")
    (out_dir / "DATA.md").write_text(cards.data_card(state), "utf-8")
    shutil.copyfile(PROJECT_LICENCE, out_dir / "LICENSE")
    told = replace(manifest, match_ladder=ladder, project_ladder=project_ladder, infill_tokens=infill_tokens)
    return write_manifest(out_dir, told)


def _provenance(state: State, training: dict[str, Any]) -> dict[str, object]:
    return {
        "run": training["run"],
        "training_steps": training["step"],
        "training_tokens": training["tokens"],
        "training_hours": round(training["running_s"] / 3600, 2),
        "tokenizer_sha256": hashlib.sha256(state.tokenizer.read_bytes()).hexdigest(),
        "sources": ["Python standard library", *(package.requirement for package in TRAINING)],
        "held_out": [package.requirement for package in HELD_OUT],
    }
