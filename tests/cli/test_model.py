"""Models on this machine, through the command."""

import json
from pathlib import Path

import pytest
from cli_fixtures import write_bundle

from devstral_ls.cli.app import run


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without models, whose embedded model is a small folder."""
    monkeypatch.setenv("DEVSTRAL_LS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DEVSTRAL_LS_MODEL", str(write_bundle(tmp_path / "embedded")))


def names(capfd: pytest.CaptureFixture[str]) -> dict[str, bool]:
    """Which models are listed, and which of them is in use."""
    capfd.readouterr()
    assert run(["model", "list", "--json"]) == 0
    return {row["name"]: row["is_used"] for row in json.loads(capfd.readouterr().out)}


def test_the_embedded_model_is_in_use_at_first(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing needs to be set up."""
    assert {"embedded": True} == names(capfd)


def test_add_use_and_remove(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A model that is added can be chosen, and is gone when removed."""
    source = write_bundle(tmp_path / "source")
    assert run(["model", "add", str(source), "--name", "stone"]) == 0
    assert run(["model", "use", "stone"]) == 0
    assert {"embedded": False, "stone": True} == names(capfd)
    assert run(["model", "remove", "stone", "--yes"]) == 0
    assert {"embedded": True} == names(capfd)


def test_a_model_is_found_by_its_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`verify` takes a name as well as a folder."""
    run(["model", "add", str(write_bundle(tmp_path / "source")), "--name", "stone"])
    capfd.readouterr()
    assert run(["model", "verify", "stone"]) == 0
    assert "pebble: all 2 files of" in capfd.readouterr().out


def test_an_unknown_name_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """The names that there are stand in the message."""
    assert run(["model", "verify", "gravel"]) == 2
    assert "no model named 'gravel'" in capfd.readouterr().err
