"""What other files offer, as signatures: the text form of the prompt's stable context.

    LIMIT = 3
    def connect(host: str, port: int=80) -> Connection: ...
    class Connection(Base):
        timeout: float
        def close(self) -> None: ...

Bodies, docstrings, decorators other than property, classmethod and staticmethod and private members
are left out. The order is that of the file. `devstral_ls/context` writes the same form.
"""

import ast
from collections.abc import Iterator

MAX_MEMBERS = 12
MAX_VALUE_CHARS = 40
INDENT = "    "

_KEPT_DECORATORS = frozenset({"property", "classmethod", "staticmethod"})


def signatures_by_name(tree: ast.Module) -> dict[str, str]:
    """The signature of each top-level name of a module, in the order of the file."""
    return {name: "\n".join(lines) for node in tree.body for name, lines in _top_level(node)}


def _top_level(node: ast.stmt) -> Iterator[tuple[str, list[str]]]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name, list(_function(node))
        case ast.ClassDef():
            yield node.name, list(_class(node))
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            yield name, [_variable(node)]


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id in _KEPT_DECORATORS:
            yield f"@{decorator.id}"
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    yield f"{keyword} {node.name}({ast.unparse(node.args)}){returns}: ..."


def _class(node: ast.ClassDef) -> Iterator[str]:
    bases = ", ".join(ast.unparse(base) for base in [*node.bases, *node.keywords])
    members = [list(lines) for item in node.body if (lines := list(_member(item)))]
    head = f"class {node.name}({bases}):" if bases else f"class {node.name}:"
    yield head if members else f"{head} ..."
    for lines in members[:MAX_MEMBERS]:
        yield from (INDENT + line for line in lines)


def _member(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            if not name.startswith("_") or name == "__init__":
                yield from _function(node)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            if not name.startswith("_"):
                yield _variable(node)


def _variable(node: ast.Assign | ast.AnnAssign) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    annotation = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
    value = ast.unparse(node.value) if node.value else ""
    shown = value if len(value) <= MAX_VALUE_CHARS and "\n" not in value else "..."
    return f"{ast.unparse(target)}{annotation}" + (f" = {shown}" if shown else "")
