"""A coroutine that nobody awaits: the `await` that is missing."""

import ast
from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case
from devstral_ls.features.python_tree import enclosing, parse, span_of
from devstral_ls.text import Edit, Span

TOPICS = frozenset({Topic.AWAIT, Topic.ATTRIBUTE, Topic.TYPE})
_ORIGIN = "awaits"
_AWAITABLE = ("CoroutineType", "Coroutine", "Awaitable", "Future", "Task")


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `text = reader.read()` in an `async def`. After: `text = await reader.read()`."""
    tree = parse(case.text)
    is_about_it = case.topic is Topic.AWAIT or any(word in case.problem.message for word in _AWAITABLE)
    if tree is None or not is_about_it:
        return
    scopes = enclosing(tree, case.line)
    if not scopes or not isinstance(scopes[-1], ast.AsyncFunctionDef):
        return
    for distance, call in enumerate(_calls(case, scopes[-1])):
        yield _awaited(case, call, 0.5 + 0.3 * distance)


def _calls(case: Case, scope: ast.AsyncFunctionDef) -> list[ast.Call | ast.Attribute]:
    """Calls on the problem's line; those above it whose result has a name that the line uses; then properties."""
    awaited = {id(node.value) for node in ast.walk(scope) if isinstance(node, ast.Await)}
    calls = [node for node in ast.walk(scope) if isinstance(node, ast.Call) and id(node) not in awaited]
    here = [call for call in calls if call.lineno == case.line + 1]
    used = {node.id for node in ast.walk(scope) if isinstance(node, ast.Name) and node.lineno == case.line + 1}
    above = [
        statement.value
        for statement in ast.walk(scope)
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Call)
        and statement.lineno <= case.line
        and {target.id for target in statement.targets if isinstance(target, ast.Name)} & used
    ]
    properties = [
        node
        for node in ast.walk(scope)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.lineno == case.line + 1
    ]
    covered = {id(call.func) for call in calls} | awaited
    rest = [each for each in properties if id(each) not in covered]
    return [*here, *reversed([call for call in above if id(call) not in awaited]), *rest]


def _awaited(case: Case, call: ast.Call | ast.Attribute, cost: float) -> Candidate:
    """The call with `await`, in parentheses where something is taken from its result."""
    span = span_of(call, case.text, case.document.lines)
    start = Span(span.start, span.start)
    if case.text[span.end : span.end + 1] in (".", "[", "("):
        opened = Edit(start, "(await ")
        return Candidate((opened, Edit(Span(span.end, span.end), ")")), "add the await", cost, _ORIGIN)
    return Candidate((Edit(start, "await "),), "add the await", cost, _ORIGIN)
