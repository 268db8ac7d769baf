"""How a checker's program is run: our own binary, no inherited settings, outside the workspace, with a deadline."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.errors import CheckerFailed

# Everything else is withheld: RUFF_*, VIRTUAL_ENV and their like would let the surroundings steer the checker.
_KEPT_VARIABLES = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "HOME", "USERPROFILE", "LANG")
_MAX_SAID_BYTES = 8_000_000
_PATIENCE_S = 1.0  # between the end of what a program prints and its own


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and how it ended."""

    output: str
    exit_code: int


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


def said_by(command: Sequence[str], text: str, *, folder: Path, deadline_ms: float, with_stderr: bool) -> Said:
    """What a program of the user prints in `folder`, with the user's environment; late or endless ones are killed.

    Raises `CheckerFailed` when it cannot be run, is late, prints more than 8 MB or is ended by a signal.
    """
    name = Path(command[0]).name
    with tempfile.TemporaryFile() as source:
        source.write(text.encode("utf-8", "replace"))
        source.seek(0)
        try:
            process = subprocess.Popen(
                list(command),
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if with_stderr else subprocess.DEVNULL,
                cwd=folder,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CheckerFailed(f"{name} cannot be run: {reason}") from error
    output = _read_until(process, deadline_ms)
    if output is None:
        raise CheckerFailed(f"{name} did not answer within {deadline_ms:.0f} ms")
    if _MAX_SAID_BYTES < len(output):
        raise CheckerFailed(f"{name} printed more than {_MAX_SAID_BYTES / 1e6:.0f} MB")
    if process.returncode < 0:
        raise CheckerFailed(f"{name} was ended by signal {-process.returncode}")
    return Said(output.decode("utf-8", "replace"), process.returncode)


def _read_until(process: "subprocess.Popen[bytes]", deadline_ms: float) -> bytes | None:
    """All that it prints before it ends, or None when it is late; then it is killed with all that it has started."""
    read: list[bytes] = []

    def take() -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            read.append(stream.read(_MAX_SAID_BYTES + 1))

    reader = threading.Thread(target=take, name="reader of a checker", daemon=True)
    reader.start()
    reader.join(deadline_ms / 1e3)
    is_late = reader.is_alive()
    if is_late or _MAX_SAID_BYTES < len(read[0]):
        _kill_group(process)
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        process.wait()
        is_late = True
    return None if is_late else read[0]


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End a program and what it has started: wrappers such as npx leave the work to others."""
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
