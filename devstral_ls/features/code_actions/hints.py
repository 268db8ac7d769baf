"""Add the type hints that the function itself shows, as the type checker confirms.

Before: `def area(r, unit="m"):` that returns an f-string.
After: `def area(r, unit: str = "m") -> str:`.
"""

import ast
from collections.abc import Iterator

from devstral_ls.cancel import CancelToken
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.code_actions.written import accepted
from devstral_ls.features.fixes import Tools
from devstral_ls.features.python_tree import Function, function_at, own_nodes, span_of
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Edit, Span

KIND = "refactor.rewrite.hints"
_OF_CONSTANTS = {bool: "bool", int: "int", float: "float", str: "str", bytes: "bytes", type(None): "None"}
_OF_CALLS = {"len": "int", "str": "str", "int": "int", "float": "float", "bool": "bool", "bytes": "bytes"}
_OF_CALLS |= {"isinstance": "bool", "issubclass": "bool", "hasattr": "bool", "callable": "bool", "repr": "str"}
_ALWAYS_BOOL = ast.Is | ast.IsNot | ast.In | ast.NotIn


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:  # noqa: ARG001
    """On the line of a `def` that shows a type it does not say, where a type checker can confirm it."""
    node = function_at(asked.document, asked.span.start)
    if node is not None and tools.types is not None and _edits(node, asked.document):
        start = span_of(node, asked.document.text, asked.document.lines).start
        yield Offer(action="hints", kind=KIND, title=f"Add type hints to {node.name}", span=Span(start, start))


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:  # noqa: ARG001
    """All hints together; without the one of the result where the checkers object to it."""
    node = function_at(document, offer.span.start)
    edits = _edits(node, document) if node is not None else []
    parameters = [edit for edit in edits if not edit.new_text.startswith(" ->")]
    candidates = [tuple(each) for each in (edits, parameters) if each]
    return accepted(offer, document, tools, candidates)


def _edits(node: Function, document: Document) -> list[Edit]:
    """The hints in the order of the text."""
    edits = list(_parameters(node, document))
    result = _result(node)
    if node.returns is None and result is not None:
        at = _end_of_header(node, document)
        if at is not None:
            edits.append(Edit(Span(at, at), f" -> {result}"))
    return edits


def _parameters(node: Function, document: Document) -> Iterator[Edit]:
    """Parameters whose default has a plain type."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults, *arguments.kw_defaults]
    for argument, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=True):
        is_plain = isinstance(default, ast.Constant) and default.value is not None
        kind = _type_of(default) if is_plain and default is not None else None
        if argument.annotation is None and kind is not None and default is not None:
            name = span_of(argument, document.text, document.lines)
            value = span_of(default, document.text, document.lines)
            yield Edit(Span(name.end, value.start), f": {kind} = ")


def _result(node: Function) -> str | None:
    """The type of what the function returns, where its text alone says it."""
    own = list(own_nodes(node))
    if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in own) or _is_stub(node):
        return None
    values = [each.value for each in own if isinstance(each, ast.Return)]
    kinds = {"None" if value is None else _type_of(value) for value in values} or {"None"}
    if kinds != {"None"} and not _always_leaves(node.body):
        return None
    if None in kinds or 2 < len(kinds) or (len(kinds) == 2 and "None" not in kinds):
        return None
    return " | ".join(sorted((str(kind) for kind in kinds), key=lambda kind: kind == "None"))


def _always_leaves(body: list[ast.stmt]) -> bool:
    """Whether a block plainly ends with `return` or `raise`."""
    match body[-1]:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=then, orelse=[_, *_] as otherwise):
            return _always_leaves(then) and _always_leaves(otherwise)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _always_leaves(inner)
        case _:
            return False


def _type_of(value: ast.expr) -> str | None:
    match value:
        case ast.Constant(value=constant):
            return _OF_CONSTANTS.get(type(constant))
        case ast.JoinedStr():
            return "str"
        case ast.UnaryOp(op=ast.Not()):
            return "bool"
        case ast.Compare(ops=ops) if all(isinstance(each, _ALWAYS_BOOL) for each in ops):
            return "bool"
        case ast.Call(func=ast.Name(id=name)):
            return _OF_CALLS.get(name)
        case _:
            return None


def _is_stub(node: Function) -> bool:
    """Whether the body is still to be written, so that it tells nothing."""
    rest = [each for each in node.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    return all(isinstance(each, ast.Pass | ast.Raise) for each in rest)


def _end_of_header(node: Function, document: Document) -> int | None:
    """Behind the closing bracket of the parameters."""
    body = span_of(node.body[0], document.text, document.lines).start
    header = document.text[span_of(node, document.text, document.lines).start : body]
    colon = header.rstrip().rfind(":")
    bracket = header.rfind(")", 0, colon)
    if colon < 0 or bracket < 0 or header[bracket + 1 : colon].strip():
        return None
    return body - len(header) + bracket + 1
