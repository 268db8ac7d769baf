"""How the command starts: at once, and with help that lists what there is."""

import subprocess
import sys

import pytest

from devstral_ls.cli.app import run

HEAVY = ("numpy", "onnxruntime", "tokenizers", "jedi", "tree_sitter", "pygls", "lsprotocol", "asyncio", "pygments")


def test_nothing_heavy_is_loaded_for_help() -> None:
    """Every command imports its features when it runs."""
    program = f"import sys, devstral_ls.cli.app; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "\n" == done.stdout


@pytest.mark.parametrize("command", ["serve", "complete", "demo", "doctor", "eval", "model"])
def test_every_command_explains_itself(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """`--help` works everywhere and costs nothing."""
    assert run([command, "--help"]) == 0
    assert f"Usage: devstral-ls {command}" in capfd.readouterr().out
