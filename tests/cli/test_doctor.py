"""`doctor` on a healthy and on a broken installation."""

import json
from pathlib import Path

import pytest
from cli_fixtures import write_bundle

from devstral_ls.cli.app import run

EXIT_BROKEN = 1


def findings(capfd: pytest.CaptureFixture[str]) -> dict[str, str]:
    """How good each thing is that was looked at."""
    return {each["topic"]: each["level"] for each in json.loads(capfd.readouterr().out)["findings"]}


def test_a_working_installation(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Model, runtime and speed are measured, and nothing is broken."""
    assert run(["doctor", "--json", "--model", str(tiny_model)]) == 0
    found = findings(capfd)
    assert {"devstral-ls", "ONNX Runtime", "model", "provider", "start-up", "reaction", "pace", "sharing"} == set(found)
    assert "broken" not in found.values()


def test_a_model_that_does_not_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder whose hashes are right but whose graph is none is broken, and the exit code says so."""
    assert EXIT_BROKEN == run(["doctor", "--json", "--model", str(write_bundle(tmp_path / "model"))])
    assert "broken" == findings(capfd)["provider"]


def test_a_missing_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a model the rest is still looked at."""
    assert EXIT_BROKEN == run(["doctor", "--model", str(tmp_path / "nowhere")])
    shown = capfd.readouterr().out
    assert "no model folder at" in shown
    assert "devstral-ls setup nvim" in shown
