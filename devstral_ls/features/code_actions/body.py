"""Write the body of the function whose first line holds the cursor, where it has none yet.

Before: `def double(x):` with `...` below.
Model: `return 2 * x`.
After: `return 2 * x` in place of the `...`.
"""

import ast
import builtins
from collections.abc import Iterator

from devstral_ls.cancel import CancelToken
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.code_actions.written import accepted
from devstral_ls.features.endings import BlockEnd
from devstral_ls.features.fixes import Tools
from devstral_ls.features.python_tree import Function, function_at, span_of
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Edit, Span

KIND = "refactor.rewrite.body"
_MAX_TOKENS = 160
_DEADLINE_MS = 8000
_N_BEST = 3


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:  # noqa: ARG001
    """On the line of a `def` whose body says nothing, and only with a model."""
    node = _empty(asked.document, asked.span.start)
    if asked.has_model and node is not None:
        start = span_of(node, asked.document.text, asked.document.lines).start
        title = f"Write the body of {node.name}"
        yield Offer(action="body", kind=KIND, title=title, span=Span(start, start), is_generated=True)


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:
    """Let the model write up to the end of the block; the checkers choose among its answers."""
    node = _empty(document, offer.span.start)
    if node is None or writer is None:
        return None
    hole = span_of(node.body[-1], document.text, document.lines)
    start = document.lines.line_start(document.lines.line_of(hole.start))
    indent = document.text[start : hole.start]
    if indent.strip():
        return None  # the body stands on the line of the header

    completions = writer.fill(
        document,
        hole,
        max_tokens=_MAX_TOKENS,
        stop=BlockEnd(indent),
        n_best=_N_BEST,
        deadline_ms=_DEADLINE_MS,
    )
    edits = [(Edit(hole, each.text.strip("\n").rstrip()),) for each in completions]
    return accepted(offer, document, tools, edits)


def _empty(document: Document, offset: int) -> Function | None:
    """The innermost function that starts on the line of `offset` and whose body only holds its place."""
    node = function_at(document, offset)
    body = [each for each in node.body if not _is_text(each)] if node else []
    return node if len(body) == 1 and _says_nothing(body[0]) else None


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _says_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant(value=builtins.Ellipsis)):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
        case _:
            return False
