"""Programs that hang, crash or print garbage prove nothing."""

import sys

import pytest

from devstral_ls.checkers.language_server import ChildServer
from devstral_ls.checkers.process import answer_of
from devstral_ls.errors import CheckerFailed


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_a_program_that_hangs_is_stopped_at_its_deadline() -> None:
    """The deadline ends the program, not only the wait."""
    with pytest.raises(CheckerFailed, match="did not answer within 200 ms"):
        answer_of(python("import time; time.sleep(60)"), "", deadline_ms=200)


def test_a_program_that_crashes_gives_no_answer() -> None:
    """An exit code that linters do not use is a crash."""
    with pytest.raises(CheckerFailed, match="exit code 3"):
        answer_of(python("raise SystemExit(3)"), "", deadline_ms=5000)


def test_a_missing_program_is_named() -> None:
    """The message says which program cannot be run."""
    with pytest.raises(CheckerFailed, match="no-such-program cannot be run"):
        answer_of(["/no-such-program"], "", deadline_ms=5000)


@pytest.mark.parametrize(
    "script",
    [
        "print('hello, this is not the protocol')",
        "print('Content-Length: -5\\r\\n\\r\\n', end='')",
        "print('Content-Length: 3\\r\\n\\r\\n[1]', end='')",
        "print('Content-Length: 99999999999\\r\\n\\r\\n', end='')",
        "raise SystemExit(1)",
    ],
)
def test_a_child_that_talks_nonsense_is_stopped(script: str) -> None:
    """Garbage from a warm checker ends it and is no answer."""
    child = ChildServer(python(script))
    with pytest.raises(CheckerFailed):
        child.ask("initialize", {}, deadline_ms=5000)


def test_a_child_that_hangs_is_stopped() -> None:
    """A late child is killed: its answer would be about an old text."""
    child = ChildServer(python("import time; time.sleep(60)"))
    with pytest.raises(CheckerFailed, match="was late"):
        child.ask("initialize", {}, deadline_ms=200)
    assert not child.is_alive
