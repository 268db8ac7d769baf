"""Fixtures of the command line: a model folder that really runs."""

import json
import sys
from pathlib import Path

import pytest

from devstral_ls.engine.manifest import TOKENIZER_NAME, read_manifest, write_manifest

TINY = Path(__file__).parent.parent / "export"  # the exporter's tiny checkpoints


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of experts with random weights, exported as any other; it talks nonsense."""
    sys.path.insert(0, str(TINY))
    from tiny import read_tiny  # noqa: PLC0415 - after the line above

    from onnx_export.export import ExportOptions, plan_export, run_export  # noqa: PLC0415 - only these tests need onnx

    base = tmp_path_factory.mktemp("tiny")
    checkpoint = read_tiny("mixtral").write(base / "checkpoint")
    plan = plan_export(checkpoint, ExportOptions(precision="fp32", window_tokens=256, license="Apache-2.0"))
    folder = run_export(plan, base / "model", lambda _: None).folder
    _teach_markers(folder)
    return folder


def _teach_markers(folder: Path) -> None:
    """Give the tiny vocabulary the markers of an infill prompt; the model has more rows, as padded ones have."""
    path = folder / TOKENIZER_NAME
    tokenizer = json.loads(path.read_text("utf-8"))
    vocab: dict[str, int] = tokenizer["model"]["vocab"]
    for marker in ("[FILE]", "[SUFFIX]", "[PREFIX]"):
        added = {**tokenizer["added_tokens"][0], "id": len(vocab), "content": marker}
        tokenizer["added_tokens"].append(added)
        vocab[marker] = len(vocab)
    path.write_text(json.dumps(tokenizer), "utf-8")
    write_manifest(folder, read_manifest(folder))
