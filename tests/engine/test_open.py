"""Opening models by name and by folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstral_ls.engine import MODEL_VARIABLE, embedded_bundle, open_engine, resolve_bundle
from devstral_ls.engine.engine import choose_threads
from devstral_ls.errors import BundleMissing


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSTRAL_LS_DATA", str(tmp_path))
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)


def test_nothing_said_is_the_embedded_model() -> None:
    """Without a choice the model of the package is used."""
    assert embedded_bundle() == resolve_bundle("") == resolve_bundle("embedded")


def test_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment replaces the embedded model."""
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path))
    assert tmp_path == resolve_bundle("")


def test_chosen_model_is_the_default(tmp_path: Path) -> None:
    """What `model use` chose is opened when nothing is said."""
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (tmp_path / "models" / "default.json").write_text('{"model": "mine"}')
    assert folder == resolve_bundle("") == resolve_bundle("mine")


def test_folder_is_itself(tmp_path: Path) -> None:
    """A path is taken as it is."""
    assert tmp_path == resolve_bundle(str(tmp_path))


def test_unknown_name_is_told() -> None:
    """A name that is not in the store is no folder either."""
    with pytest.raises(BundleMissing, match="no model named 'nowhere'"):
        resolve_bundle("nowhere")


def test_missing_folder_is_told_at_once(tmp_path: Path) -> None:
    """Opening what is not there fails before any thread is started."""
    with pytest.raises(BundleMissing, match="gone"):
        open_engine(tmp_path / "gone")


def test_missing_runtime_is_told_with_the_command() -> None:
    """An install without ONNX Runtime says which extra brings it."""
    program = """
import sys
sys.modules["onnxruntime"] = None
from devstral_ls.engine import load_runtime
from devstral_ls.errors import BackendError
try:
    load_runtime()
except BackendError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "no ONNX Runtime is installed; run `pip install devstral-ls[cpu]`, or [cuda]\n" == run.stdout


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores it lends")
@pytest.mark.parametrize(("load", "expected"), [(0.2, 4), (1.2, 3), (2.9, 1), (7.0, 1)])
def test_threads_are_the_idle_cores(monkeypatch: pytest.MonkeyPatch, load: float, expected: int) -> None:
    """Each program that takes a core leaves the model one thread less; a number that was asked for stays."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert [expected, 3] == [choose_threads(0), choose_threads(3)]
