"""`eval` on a small repository."""

import json
from pathlib import Path

import pytest

from devstral_ls.cli.app import run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    code = "def add(first, second):\n    total = first + second\n    return total\n\n\nprint(add(1, 2 + 3))\n"
    for folder in ("pkg", ".venv", "build"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text(code, "utf-8")
    (tmp_path / "pkg" / "strange.py").write_bytes(b"\xff\xfe")
    return tmp_path


def test_every_position_is_scored(repository: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Files that cannot be read and folders that are not the user's are passed over."""
    assert run(["eval", str(repository), "-n", "3", "--json", "--model", str(tiny_model)]) == 0
    (scores,) = json.loads(capfd.readouterr().out)
    assert 3 == len(scores)
    assert all(0 <= score["similarity"] <= 1 for score in scores)


def test_two_models_are_compared(repository: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same model twice shows no clear difference in what it says."""
    model = str(tiny_model)
    assert run(["eval", str(repository), "-n", "2", "--model", model, "--against", model]) == 0
    shown = capfd.readouterr().out
    assert 2 == shown.count("2 positions")
    assert "first line exact       +0.00  (+0.00 to +0.00)  no clear difference" in shown


def test_a_folder_without_code_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """There is nothing to measure on."""
    assert run(["eval", str(tmp_path)]) == 2
    assert f"devstral-ls: {tmp_path} holds no Python code to evaluate on\n" == capfd.readouterr().err
