"""From a fresh checkpoint to a completion in a file, through the two commands that a user types."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny

VOCABULARY = Path(__file__).parent / "vocabularies" / "tekken.json"
VOCAB_SIZE = 1220
# What `complete` exits with when it shows nothing: random weights rarely say what parses.
NOTHING_TO_SUGGEST = 1


def checkpoint(name: str, folder: Path) -> Path:
    """A tiny checkpoint with a vocabulary that can spell any text."""
    model = tiny.read_tiny(name)
    shapes = {
        key: (VOCAB_SIZE, shape[1]) if key.endswith(("embed_tokens.weight", "lm_head.weight")) else shape
        for key, shape in model.shapes.items()
    }
    replace(model, config=model.config | {"vocab_size": VOCAB_SIZE}, shapes=shapes).write(folder)
    (folder / "tokenizer.json").unlink()
    shutil.copyfile(VOCABULARY, folder / "tekken.json")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixtral", "ministral3", "qwen3_moe", "deepseek_v2"])
def test_added_checkpoint_is_served(name: str, tmp_path: Path) -> None:
    """`model add` exports it, `complete --model` runs it; what random weights say is nothing to look at."""
    answer = serve_checkpoint(name, tmp_path)
    assert 0 < json.loads(answer)["metrics"]["n_generated_tokens"]


def serve_checkpoint(name: str, folder: Path, *options: str) -> str:
    """What `complete --json` answers with a model that `model add` made a moment ago."""

    def run(*arguments: str | Path) -> str:
        command = [sys.executable, "-m", "devstral_ls", *arguments]
        environment = os.environ | {"DEVSTRAL_LS_DATA": str(folder / "data")}
        told = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert told.returncode in (0, NOTHING_TO_SUGGEST), told.stderr
        return told.stdout

    (folder / "buffer.py").write_text("def add(a, b):\n    return a\n\n\nx = add(\n")
    run("model", "add", checkpoint(name, folder / name), "--infill", "codestral", "--window", "256", *options)
    return run("complete", f"{folder / 'buffer.py'}:5:9", "--model", name, "--json")
