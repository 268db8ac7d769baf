"""A function that promises a value and ends without one: the `return` that is missing."""

import ast
from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case
from devstral_ls.features.python_tree import enclosing, parse, span_of
from devstral_ls.text import Edit, Span

TOPICS = frozenset({Topic.RETURN, Topic.TYPE, Topic.ATTRIBUTE, Topic.ARGUMENT_NAME})
_ORIGIN = "returns"


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `total` as the last line of `def add(...) -> int`. After: `return total`."""
    tree = parse(case.text)
    scopes = enclosing(tree, case.line) if tree else []
    if not scopes or not isinstance(scopes[-1], ast.FunctionDef | ast.AsyncFunctionDef):
        return
    statements = list(_statements(scopes[-1]))
    if case.topic is not Topic.RETURN and "return" not in case.problem.message.split("\n", 1)[0].lower():
        yield from _useless_above(case, statements)
        return
    for distance, statement in enumerate(reversed(statements)):
        if isinstance(statement, ast.Expr) and not _is_doc(statement):
            start = span_of(statement, case.text, case.document.lines).start
            yield Candidate(
                (Edit(Span(start, start), "return "),), "add the return", 0.5 + 0.1 * distance, _ORIGIN, is_guess=True
            )
    last = statements[-1]
    if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
        yield _return_name(case, last, last.targets[0].id)


def _useless_above(case: Case, statements: list[ast.stmt]) -> Iterator[Candidate]:
    """Before: `if x is None:` with `None` below it, and then `x.group()`. After: `return None` there."""
    above = [each for each in statements if each.lineno <= case.line]
    for distance, statement in enumerate(reversed(above)):
        if isinstance(statement, ast.Expr) and _does_nothing(statement.value) and not _is_doc(statement):
            start = span_of(statement, case.text, case.document.lines).start
            yield Candidate(
                (Edit(Span(start, start), "return "),), "add the return", 0.7 + 0.01 * distance, _ORIGIN, is_guess=True
            )


def _does_nothing(value: ast.expr) -> bool:
    """Whether a statement of this value alone would be without effect; `...` is one that is meant."""
    if isinstance(value, ast.Constant):
        return value.value is not ...
    return isinstance(value, ast.Name | ast.Attribute | ast.Compare | ast.BinOp | ast.Tuple | ast.List | ast.Dict)


def _return_name(case: Case, last: ast.Assign, name: str) -> Candidate:
    """A new last line that returns what the last statement has named."""
    span = span_of(last, case.text, case.document.lines)
    start = case.document.lines.line_start(case.document.lines.line_of(span.start))
    ending = "\r\n" if "\r\n" in case.text else "\n"
    line = f"{ending}{case.text[start : span.start]}return {name}"
    return Candidate((Edit(Span(span.end, span.end), line),), f"return {name}", 1.5, _ORIGIN, is_guess=True)


def _statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    """The statements of a function in the order of the text, those of functions inside it left out."""
    waiting = list(reversed(function.body))
    while waiting:
        statement = waiting.pop()
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting.extend(reversed(list(_inner(statement))))


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.ExceptHandler | ast.match_case):
            yield from node.body
        elif isinstance(node, ast.stmt):
            yield node


def _is_doc(statement: ast.Expr) -> bool:
    return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
