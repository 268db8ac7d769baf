"""A repository's own tests as the judge of suggestions: run on a copy, and only when the user says so."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from devstral_ls.errors import UsageError

COMMAND = "python -m pytest -q -x"
LIMIT_S = 60  # for one run; a suggestion that makes the tests hang has failed them
_LEFT_OUT = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".tox", ".nox"})


class RepositoryTests:
    """A copy of the repository in a folder of its own, gone at the end; what is asked is put in and taken out again."""

    def __init__(self, repository: Path, command: str, limit_s: float) -> None:
        self._repository = repository
        self._command = _words_of(command)
        self._limit_s = limit_s
        self._folder = Path(tempfile.mkdtemp(prefix="devstral-eval-"))
        self._copy = self._folder / (repository.resolve().name or "repository")

    def __enter__(self) -> Self:
        try:
            self._prepare()
        except UsageError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def verdict(self, path: Path, *, hole: str, filled: str) -> bool | None:
        """Whether the tests pass with `filled` as the file's text; None where they also pass with the `hole` in it."""
        if self._passes_with(path, hole):
            return None
        return self._passes_with(path, filled)

    def _prepare(self) -> None:
        try:
            shutil.copytree(self._repository, self._copy, symlinks=True, ignore=_left_out)
        except OSError as error:
            reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror
            raise UsageError(f"{self._repository} cannot be copied for its tests: {reason}") from error
        if not self._run():
            raise UsageError(f"the tests fail before anything is changed: {shlex.join(self._command)}")

    def _passes_with(self, path: Path, text: str) -> bool:
        file = self._copy / path
        before = file.read_bytes()
        file.write_text(text, encoding="utf-8", newline="")
        try:
            return self._run()
        finally:
            file.write_bytes(before)

    def _run(self) -> bool:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(self._paths()), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                self._command,
                cwd=self._copy,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        except OSError as error:
            raise UsageError(f"the tests cannot be run: {self._command[0]}: {error.strerror}") from error
        return done.returncode == 0

    def _paths(self) -> Iterable[str]:
        """The copy comes before an installed one."""
        yield from (str(each) for each in (self._copy / "src", self._copy) if each.is_dir())
        if given := os.environ.get("PYTHONPATH"):
            yield given


def _words_of(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--test-command {command!r} cannot be read: {error}") from None
    if not words:
        raise UsageError(f"--test-command is empty; say how the tests are run, such as {COMMAND!r}")
    return words


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What is big and made anew, and what is no file, such as a pipe, whose copy would wait for ever."""
    paths = {name: Path(folder, name) for name in names}
    strange = {name for name, path in paths.items() if not (path.is_symlink() or path.is_file() or path.is_dir())}
    return strange | _LEFT_OUT.intersection(names)
