"""What drives an editor may be killed; the editor must not stay."""

import subprocess
import sys
from pathlib import Path

import pytest
from editor_fixtures import HERE, until
from leash import left_behind

STARTER = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from leash import Leashed
kept = Leashed(["sh", "-c", "sleep 1000 & sleep 1000", sys.argv[1]])
print("started", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_killed_starter_leaves_nothing_behind(tmp_path: Path) -> None:
    """After SIGKILL of who started it, a program on the leash ends, with what it started itself."""
    argv = [sys.executable, "-c", STARTER, str(tmp_path)]
    starter = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "started\n"
    assert 1 < len(left_behind(str(tmp_path)))  # the starter, and what it started
    starter.kill()
    starter.communicate()
    until(lambda: not left_behind(str(tmp_path)), "no process", instead=lambda: str(left_behind(str(tmp_path))))
