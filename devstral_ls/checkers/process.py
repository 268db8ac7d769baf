"""How a checker's program is run: our own binary, no inherited settings, outside the workspace, with a deadline."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from devstral_ls.errors import CheckerFailed

# Everything else is withheld: RUFF_*, VIRTUAL_ENV and their like would let the surroundings steer the checker.
_KEPT_VARIABLES = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "HOME", "USERPROFILE", "LANG")


def quiet_environment() -> dict[str, str]:
    """The few variables that a program needs to start."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


def neutral_folder() -> str:
    """A working folder that no workspace controls."""
    return tempfile.gettempdir()


def answer_of(command: Sequence[str], text: str, *, deadline_ms: float) -> str:
    """What `command` prints when it reads `text`; raises `CheckerFailed` when it is late or cannot be run."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            list(command),
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=deadline_ms / 1000,
            check=False,
            cwd=neutral_folder(),
            env=quiet_environment(),
        )
    except subprocess.TimeoutExpired:
        raise CheckerFailed(f"{name} did not answer within {deadline_ms:.0f} ms") from None
    except OSError as error:
        raise CheckerFailed(f"{name} cannot be run: {error.strerror}") from error
    if done.returncode not in (0, 1):
        raise CheckerFailed(f"{name} ended with exit code {done.returncode}")
    return done.stdout.decode("utf-8", "replace")
