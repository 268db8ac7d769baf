"""The editors' own schemas of our settings come from the one place that declares them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_vscode_declares_exactly_the_servers_settings() -> None:
    """package.json holds what `editors/vscode/settings.py` would write today."""
    script = ROOT / "editors/vscode/settings.py"
    run = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
