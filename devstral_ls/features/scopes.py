"""Which names may be used at a line of Python, and which are bound but never used."""

import ast
import builtins
import itertools
import re
from collections.abc import Iterator

from devstral_ls.features.python_tree import Function, enclosing, own_nodes, parse

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_BUILTINS = tuple(name for name in dir(builtins) if not name.startswith("_"))


def names_in_scope(text: str, line: int) -> dict[str, int]:
    """The names that may be used at a 0-based line, each with how far away it is bound; builtins come last."""
    tree = parse(text)
    if tree is None:
        return dict.fromkeys((*_IDENTIFIER.findall(text), *_BUILTINS), 1)
    found: dict[str, int] = {}
    around = enclosing(tree, line)
    # A class's names are not seen from its methods.
    seen = [scope for scope in around if not isinstance(scope, ast.ClassDef) or scope is around[-1]]
    for level, scope in enumerate([*reversed(seen), tree]):
        for name in bound_names(scope):
            found.setdefault(name, level)
    for name in _BUILTINS:
        found.setdefault(name, len(seen) + 1)
    return found


def members_in_scope(text: str, line: int) -> tuple[str, tuple[str, ...]] | None:
    """The first parameter of the method around a line, and the members of its class that the text shows."""
    tree = parse(text)
    around = enclosing(tree, line) if tree else []
    for owner, method in itertools.pairwise(around):
        if isinstance(owner, ast.ClassDef) and isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            parameters = [*method.args.posonlyargs, *method.args.args]
            if parameters and not _is_static(method):
                return parameters[0].arg, tuple(dict.fromkeys(_members(owner, parameters[0].arg)))
    return None


def bound_names(scope: ast.AST) -> Iterator[str]:
    """The names that a function, class or module binds itself, its parameters included."""
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = scope.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if each is not None:
                yield each.arg
    for node in own_nodes(scope):
        yield from _bound_by(node)


def _bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name.split(".")[0] for alias in aliases)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case _:
            pass


def _members(owner: ast.ClassDef, receiver: str) -> Iterator[str]:
    yield from bound_names(owner)
    for node in ast.walk(owner):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == receiver:
                yield attribute
            case _:
                pass


def _is_static(method: Function) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in method.decorator_list)
