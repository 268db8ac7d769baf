"""The committed reference logits are those of the installed torch and transformers."""

import subprocess
import sys
from pathlib import Path

import pytest
import tiny

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "export" / "make_references.py"


@pytest.mark.torch
@pytest.mark.timeout(600)
def test_references_are_those_of_transformers() -> None:
    """Every fixture is computed again from its own checkpoint; a new version that computes otherwise shows here."""
    told = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert 0 == told.returncode, told.stdout + told.stderr[-2000:]
    assert len(tiny.names()) == told.stdout.count("from the committed logits")
