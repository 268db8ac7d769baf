"""A rehearsal: a copy of a project that its user trusts, in which the user's own interpreter calls and tests.

The copy is gone afterwards; what runs in it may write there alone, starts no program and connects to nothing.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from devstral_ls.checkers.process import said_by
from devstral_ls.errors import CheckerFailed

MAX_FILES = 10_000
MAX_COPIED_BYTES = 200_000_000
DEADLINE_MS = 20_000
_LEFT_OUT = frozenset({"venv", "node_modules", "__pycache__", "build", "dist", "target"})
_INTERPRETERS = ("bin/python", "Scripts/python.exe")
_ENVIRONMENTS = (".venv", "venv")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: the source of a literal, what `repr` says of another value, or a built-in exception."""

    value: str = ""
    shown: str = ""
    raised: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The copy, and the interpreter that runs in it."""

    folder: Path
    python: str

    def outcomes_of(self, module: str, calls: Sequence[str]) -> list[Outcome]:
        """What each call gives in the names of the module; raises `CheckerFailed` when nothing can be called there."""
        task = {"module": module, "calls": list(calls)}
        answer, _ = self._run(task, f"{module} cannot be imported or called in a copy of the project")
        return [Outcome(**each) for each in answer]

    def runner_of(self, path: str, name: str) -> str:
        """Who ran the test and saw it pass; raises `CheckerFailed` when it does not."""
        failed = f"{name} fails"
        answer, exit_code = self._run({"path": path, "name": name}, failed)
        if exit_code != 0:
            raise CheckerFailed(failed)
        return str(answer["runner"])

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", errors="replace", newline="")

    def _run(self, task: Mapping[str, object], otherwise: str) -> tuple[Any, int]:
        """The answer to a task and the exit code; `otherwise` is said where there is no answer."""
        answer = self.folder.with_name("answer.json")
        answer.unlink(missing_ok=True)
        paths = [str(each) for each in (self.folder / "src", self.folder) if each.is_dir()]
        given = json.dumps({**task, "paths": paths, "answer": str(answer)})
        command = [self.python, "-c", _program()]
        said = said_by(command, given, folder=self.folder, deadline_ms=DEADLINE_MS, with_stderr=True)
        try:
            return json.loads(answer.read_text("utf-8")), said.exit_code
        except (OSError, ValueError):
            last_line = said.output.strip().rpartition("\n")[2]
            raise CheckerFailed(f"{otherwise}: {last_line}") from None


@contextmanager
def rehearsal(root: Path, texts: Mapping[str, str]) -> Iterator[Rehearsal]:
    """A copy of the project below `root` in which these files have these texts; only for projects that are trusted."""
    with tempfile.TemporaryDirectory(prefix="devstral-ls-", ignore_cleanup_errors=True) as temporary:
        copy = Rehearsal(Path(temporary).resolve() / "project", _interpreter(root))
        try:
            _copy(root, copy.folder)
            for path, text in texts.items():
                copy.write(path, text)
        except OSError as error:
            raise CheckerFailed(f"the project cannot be copied: {error.strerror}") from error
        yield copy


@cache
def _program() -> str:
    return Path(__file__).with_name("rehearsed.py").read_text("utf-8")


def _interpreter(root: Path) -> str:
    """The interpreter of the project's environment, else the one of the user's."""
    found = [root / folder / python for folder in _ENVIRONMENTS for python in _INTERPRETERS]
    if active := os.environ.get("VIRTUAL_ENV"):
        found += [Path(active, python) for python in _INTERPRETERS]
    own = next((str(each) for each in found if each.is_file()), None)
    return own or shutil.which("python3") or shutil.which("python") or sys.executable


def files_of(root: Path) -> Iterator[str]:
    """The paths of the project's files: none in hidden folders, environments or build results; links stay links."""
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("."))
        yield from (Path(place, name).relative_to(root).as_posix() for name in sorted(names))


def _copy(root: Path, folder: Path) -> None:
    n_files = n_bytes = 0
    folder.mkdir()
    for path in files_of(root):
        source, target = root / path, folder / path
        if not (source.is_file() or source.is_symlink()):
            continue  # a socket or a pipe
        n_files, n_bytes = n_files + 1, n_bytes + source.lstat().st_size
        if MAX_FILES < n_files or MAX_COPIED_BYTES < n_bytes:
            limit = f"{MAX_FILES} files or {MAX_COPIED_BYTES / 1e6:.0f} MB"
            raise CheckerFailed(f"the project is larger than {limit}, so nothing is run in a copy of it")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target, follow_symlinks=False)
