"""What the tests of all editors share: where editors live, what they open, and how a screen is waited for."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "devstral-ls" / "editors"
INSTALL_DEADLINE_S = 600
# Long, for a machine that also does other work; an idle one needs a second or two.
DEADLINE_S = 120
POLL_S = 0.02
# One look that takes longer than this was asleep with its whole machine, which is no waiting.
NAP_S = 10

# The cursor of most tests is at the end of this text.
SHAPES = '''"""Rectangles."""


def area(width: float, height: float) -> float:
    """Return the area of a rectangle."""
    return width * height


def perimeter(width: float, height: float) -> float:
    """Return the perimeter of a rectangle."""
'''
# Behind the last place where one of these stands, the model says this.
SAYS = {"    return ": "2 * (width + height)", "return width ": "+ height"}
SHIM = """\
#!/bin/sh
export PYTHONPATH="{root}" XDG_DATA_HOME="{data}"
[ "$*" = serve ] && [ -n "$RECORDER" ] && exec $RECORDER
[ "$*" = serve ] && exec "{python}" "{root}/tests/server/scripted_server.py" {says}
exec "{python}" -m devstral_ls "$@"
"""
# `jsn` is not defined, and the module that is meant is imported.
LOADING = '''"""Loading."""

import json


def load(text: str) -> object:
    """Return what the text says."""
    return jsn.loads(text)


print(json.dumps(load("1")))
'''

FIXED = "return json.loads(text)"

Seen = TypeVar("Seen")


def until(
    look: Callable[[], Seen],
    what: str,
    *,
    instead: Callable[[], str] = str,
    poll_s: float = POLL_S,
    deadline_s: float = DEADLINE_S,
) -> Seen:
    """What `look` sees, once it is truthy. A screen sends no event when it changes, so this looks again and again."""
    waited_s, last_s = 0.0, time.monotonic()
    while not (seen := look()):
        if deadline_s < waited_s:
            pytest.fail(f"did not see {what} within {deadline_s:.0f} s, but\n{instead()}")
        time.sleep(poll_s)
        now_s = time.monotonic()
        waited_s, last_s = waited_s + min(now_s - last_s, NAP_S), now_s
    return seen


def run_to_end(argv: list[str], *, env: Mapping[str, str] = os.environ, deadline_s: float = DEADLINE_S) -> str:
    """What a program said that must end well."""
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)

        def output() -> str:
            said.seek(0)
            return said.read()

        try:
            until(lambda: process.poll() is not None, f"the end of {argv}", instead=output, deadline_s=deadline_s)
        finally:
            process.kill()
        assert process.returncode == 0, output()
        return output()


def saved(file: Path) -> str:
    """What `file` holds now; nothing while an editor replaces it, since Helix saves by renaming."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def wait_for_saved(file: Path, text: str, *, instead: Callable[[], str] = str) -> None:
    """Wait until `file` holds `text`; an editor may write in several steps, so less than that says nothing."""
    until(lambda: text in saved(file), f"{text!r} in {file.name}", instead=lambda: f"{saved(file)}\n{instead()}")


def installed(script: str, folder: str, program: str) -> Path:
    """The folder with `program` in it, installed by `script` unless it is there; skips when that fails."""
    prefix = CACHE / folder
    if not (prefix / program).exists():
        run = subprocess.run(
            ["bash", HERE / "install" / script, prefix],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_DEADLINE_S,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )
        if run.returncode != 0:
            pytest.skip(f"cannot install {program}: {(run.stderr.strip() or 'no reason given').splitlines()[-1]}")
    return prefix


def children(pid: int) -> list[int]:
    """The processes that `pid` started, and theirs, youngest last; one that ends meanwhile has none."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, task.read_text().split()):
                found += [child, *children(child)]
    return found
