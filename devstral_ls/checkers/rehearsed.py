"""What the user's interpreter runs in a copy of a project: it calls functions, or runs one test.

It is read as a text and given to an interpreter of 3.8 or later, so it imports the standard library only.
An audit hook keeps what it calls from writing outside of the copy, starting programs and connecting to anything.
That stops accidents, such as a call that would empty a folder, not attacks: it is for projects that the user trusts.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import re
import runpy
import signal
import sys
import tempfile
import unittest
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

CALL_S = 2.0
MAX_VALUE_CHARACTERS = 200
# Audit events that change files, and which of their arguments are the paths.
_CHANGES = {
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "shutil.rmtree": (0,),
    "sqlite3.connect": (0,),
}
_STARTS = ("subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.kill", "os.startfile")
_REACHES = ("socket.connect", "socket.bind", "socket.send", "socket.getaddrinfo", "socket.gethostby")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")  # of an object in memory: another one each time
_NOWHERE = (os.devnull, ":memory:")


class Late(Exception):
    """A call took too long, or would have ended the program."""


class Guard:
    """Refuses what would leave a trace outside of `folder`, and counts what it has refused."""

    def __init__(self, folder: str) -> None:
        self._inside = os.path.realpath(folder) + os.sep
        self.n_refused = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            is_wrong = bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)) and not self._is_inside(arguments[0])
        elif event in _CHANGES:
            is_wrong = not all(self._is_inside(arguments[at], arguments[1:]) for at in _CHANGES[event])
        else:
            is_wrong = event.startswith(_STARTS) or event.startswith(_REACHES)
        if is_wrong:
            self.n_refused += 1
            raise PermissionError(f"{event} refused: this is a rehearsal")

    def _is_inside(self, path: Any, others: tuple[Any, ...] = ()) -> bool:
        if isinstance(path, int):
            return True  # it was opened before, and asked about then
        name = os.fsdecode(path)
        folder = next((each for each in others if type(each) is int and 0 <= each), None)
        if folder is not None and not os.path.isabs(name):
            try:
                name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
            except OSError:
                return False
        return name in _NOWHERE or (os.path.realpath(name) + os.sep).startswith(self._inside)


def outcomes_of(module: str, calls: list[str], guard: Guard) -> list[dict[str, str]]:
    """For each call its value as a literal, else how it shows itself, or the built-in exception that it raised."""
    names = dict(vars(importlib.import_module(module)))
    return [_outcome(call, names, guard) for call in calls]


def _outcome(call: str, names: dict[str, Any], guard: Guard) -> dict[str, str]:
    n_refused = guard.n_refused
    try:
        value, again = _called(call, names), _called(call, names)
    except Exception as error:  # noqa: BLE001 - of the user's function
        is_its_own = type(error).__module__ == "builtins" and guard.n_refused == n_refused
        return {"raised": type(error).__name__} if is_its_own else {}
    if guard.n_refused != n_refused or repr(value) != repr(again) or MAX_VALUE_CHARACTERS < len(repr(value)):
        return {}
    if _is_literal(value):
        return {"value": repr(value)}
    return {} if _ADDRESS.search(repr(value)) else {"shown": repr(value)}


def _is_literal(value: Any) -> bool:
    """Whether a test can say this value."""
    try:
        return _is_same(ast.literal_eval(repr(value)), value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other) and repr(one) == repr(other)


def _called(call: str, names: dict[str, Any]) -> Any:
    has_timer = hasattr(signal, "setitimer")
    if has_timer:
        signal.signal(signal.SIGALRM, _late)
        signal.setitimer(signal.ITIMER_REAL, CALL_S)
    try:
        return eval(call, dict(names))  # noqa: S307 - a call with literal arguments, in a project that is trusted
    except SystemExit:
        raise Late from None
    finally:
        if has_timer:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _late(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Late


def run_test(path: str, name: str, told: Callable[[object], None]) -> int:
    """Run one test as its owner would, by pytest where that is installed; the exit code."""
    if importlib.util.find_spec("pytest") is None:
        told({"runner": "python"})
        return _run_without_pytest(path, name)
    told({"runner": "pytest"})
    sys.argv = ["pytest", "-q", "-x", "-p", "no:cacheprovider", "-o", "addopts=", f"{path}::{name}"]
    try:
        runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 1


def _run_without_pytest(path: str, name: str) -> int:
    spec = importlib.util.spec_from_file_location("rehearsed_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if "::" not in name:
        getattr(module, name)()
        return 0
    suite = unittest.defaultTestLoader.loadTestsFromName(name.replace("::", "."), module)
    return 0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1


def main() -> int:
    """Take the task from standard input; what is found goes into a file beside the copy."""
    task = json.load(sys.stdin)
    beside = os.path.dirname(task["answer"])
    tempfile.tempdir = os.environ["TMPDIR"] = beside
    sys.dont_write_bytecode = True
    sys.path[:0] = task["paths"]
    guard = Guard(beside)
    sys.addaudithook(guard)

    def told(answer: object) -> None:
        with open(task["answer"], "w", encoding="utf-8") as file:
            json.dump(answer, file)

    if "calls" in task:
        told(outcomes_of(task["module"], task["calls"], guard))
        return 0
    return run_test(task["path"], task["name"], told)


if __name__ == "__main__":
    sys.exit(main())
