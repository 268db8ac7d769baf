"""Python's own syntax tree of a text, for texts that parse; nothing is compiled or run."""

import ast
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache

from devstral_ls.text import Document, LineIndex, Span

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MAX_CHARACTERS = 2_000_000
_ONE_AT_A_TIME = threading.Lock()
# What reading raises where a text is no Python, or too much of it.
NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


def read(text: str, *, mode: str = "exec") -> ast.AST:
    """The tree of `text`, or one of `NO_PYTHON`; use nothing else to parse.

    In CPython 3.11 all threads count the depth of a tree in one number, and two that parse at once fail with a
    SystemError.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode=mode)


@lru_cache(maxsize=8)
def parse(text: str) -> ast.Module | None:
    """The tree of `text`, or None when it does not parse here."""
    if _MAX_CHARACTERS < len(text):
        return None
    try:
        tree = read(text)
    except NO_PYTHON:
        return None
    assert isinstance(tree, ast.Module)
    return tree


def span_of(node: ast.stmt | ast.expr | ast.arg | ast.keyword | ast.excepthandler, text: str, lines: LineIndex) -> Span:
    """The span of a node; the tree counts columns in UTF-8 bytes."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return Span(
        _offset(node.lineno, node.col_offset, text, lines),
        _offset(node.end_lineno, node.end_col_offset, text, lines),
    )


def enclosing(tree: ast.Module, line: int) -> list[Function | ast.ClassDef]:
    """The functions and classes around a 0-based line, the outermost first."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and first_line(node) <= line + 1
    ]
    around = [node for node in found if node.end_lineno is not None and line + 1 <= node.end_lineno]
    return sorted(around, key=lambda node: node.lineno)


def function_at(document: Document, offset: int) -> Function | None:
    """The innermost function that starts on the line of `offset`."""
    tree = parse(document.text) if document.language_id == "python" else None
    line = document.lines.line_of(offset)
    around = enclosing(tree, line) if tree else []
    if not around or around[-1].lineno != line + 1 or isinstance(around[-1], ast.ClassDef):
        return None
    return around[-1]


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions and classes inside it; these themselves are included."""
    waiting: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def first_line(node: Function | ast.ClassDef) -> int:
    """The number of the line on which a definition or its first decorator stands; lines count from 1."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _offset(line: int, column_bytes: int, text: str, lines: LineIndex) -> int:
    start = lines.line_start(line - 1)
    written = text[start : lines.line_start(line)]
    if written.isascii():
        return start + column_bytes
    return start + len(written.encode("utf-8", "surrogatepass")[:column_bytes].decode("utf-8", "ignore"))
