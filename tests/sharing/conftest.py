"""Engines that are shared in a folder of their own, and that no test leaves behind."""

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from shared_fixtures import Asker, Here, scripted, start_asker

from devstral_ls.engine.backends.scripted import ScriptedBackend
from devstral_ls.sharing.limits import Limits

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(scope="session", autouse=True)
def _keep_engines_below_us() -> None:
    """An engine leaves the tree of its server; here it becomes a child of the tests, so that it stays with them."""
    if sys.platform == "linux":
        zero = ctypes.c_ulong(0)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), zero, zero, zero)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private runtime folder with a short name; whoever listens there is ended with the test."""
    with tempfile.TemporaryDirectory(prefix="dls-") as folder:
        monkeypatch.setenv("DEVSTRAL_LS_RUNTIME", folder)
        yield Path(folder)
        for process in engines_in(Path(folder)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def engines_in(folder: Path) -> list[int]:
    """The processes whose command names a socket in this folder."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = command.read_bytes()
            if b"devstral_ls.sharing" in words and os.fsencode(folder) in words:
                found.append(int(command.parent.name))
    return found


@pytest.fixture
def asker(runtime: Path) -> Iterator[Callable[..., Asker]]:
    """Start processes that share an engine."""
    started: list[Asker] = []

    def start(**options: object) -> Asker:
        started.append(start_asker(runtime, **options))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def here(runtime: Path) -> Iterator[Callable[..., tuple[Here, ScriptedBackend]]]:
    """Start daemons with a scripted model in this process."""
    started: list[Here] = []

    def start(said: dict[str, str] | None = None, limits: Limits | None = None) -> tuple[Here, ScriptedBackend]:
        engine, backend = scripted(said or {"return": " a + b"})
        started.append(Here(runtime, engine, limits or Limits()))
        return started[-1], backend

    yield start
    for each in started:
        each.engine.close()
