"""The house rules that a machine can check: format, lint, types, arrows between rooms, shape of functions."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstral_ls.features.python_tree import read

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("devstral_ls/**/*.py"), *ROOT.glob("onnx_export/**/*.py")])
MAX_FUNCTION_LINES = 70
# The request boundary, the loop over code actions, the engine worker, and calls into what fails in unknown ways.
MAY_CATCH_EVERYTHING = {
    "devstral_ls/checkers/rehearsed.py",  # calls functions of the user
    "devstral_ls/context/semantics.py",
    "devstral_ls/engine/scheduler.py",
    "devstral_ls/features/code_actions/__init__.py",
    "devstral_ls/server/dispatch.py",
    "devstral_ls/sharing/client.py",  # runs rules for the engine worker of another process
    "onnx_export/verdict.py",
}


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=["lint", "format", "types", "imports"],
)
def test_tool_is_content(command: tuple[str, ...]) -> None:
    """The tool finds nothing to say about the tree."""
    program = Path(sys.executable).parent / command[0]
    run = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_functions_are_short() -> None:
    """No function is longer than a screen."""
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in SOURCES
        for function in functions(path)
        if MAX_FUNCTION_LINES < n_lines(function)
    ]
    assert [] == long


def test_broad_excepts_stand_where_they_may() -> None:
    """Only the named boundaries catch every exception."""
    broad = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if path.relative_to(ROOT).as_posix() not in MAY_CATCH_EVERYTHING
        for node in ast.walk(read(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    ]
    assert [] == broad


def test_one_function_parses() -> None:
    """Others would parse in two threads at once, which CPython 3.11 does not survive every time."""
    product = (path for path in SOURCES if path.is_relative_to(ROOT / "devstral_ls"))
    parsers = [path.name for path in product if "ast.parse(" in path.read_text(encoding="utf-8")]
    assert ["python_tree.py"] == parsers


def test_nothing_sleeps() -> None:
    """Waiting is done on events and queues, never on the clock."""
    sleepers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(read(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "sleep"
    ]
    assert [] == sleepers


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(read(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def n_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the `def` to the last statement, the docstring not counted."""
    assert function.end_lineno is not None
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    assert first.end_lineno is not None
    n_doc = first.end_lineno - first.lineno + 1 if is_docstring else 0
    return function.end_lineno - function.lineno + 1 - n_doc


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether the handler catches everything."""
    if handler.type is None:
        return True
    return isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
