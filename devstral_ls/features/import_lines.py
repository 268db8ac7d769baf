"""Where a new import goes: into a statement that imports from the same module, else where isort would put it."""

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from devstral_ls.features.python_tree import parse, span_of
from devstral_ls.text import Document, Edit, Span

_MAX_REMEMBERED = 1024  # texts of a project whose imports are known


@dataclass(frozen=True, slots=True)
class Imported:
    """`from module import name as alias`; `import module as alias` where the name is empty."""

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound_name(self) -> str:
        """What the code says to use it."""
        return self.alias or self.name or self.module.split(".")[0]

    @property
    def statement(self) -> str:
        alias = f" as {self.alias}" if self.alias else ""
        return f"from {self.module} import {self.name}{alias}" if self.name else f"import {self.module}{alias}"


def imports_of(document: Document) -> list[Imported]:
    """What the top level of a text imports, relative imports included."""
    return list(_imports(document.text))


def edit_for(wanted: Imported, document: Document) -> Edit | None:
    """The edit that imports `wanted`; None for a text that does not parse."""
    tree = parse(document.text)
    if tree is None:
        return None
    statements = _statements(document.text)
    return _extended(wanted, statements, document) or _inserted(wanted, statements, tree, document)


@lru_cache(maxsize=_MAX_REMEMBERED)
def _imports(text: str) -> tuple[Imported, ...]:
    return tuple(one for statement in _statements(text) for one in _read(statement))


def _statements(text: str) -> list[ast.Import | ast.ImportFrom]:
    tree = parse(text)
    found = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)] if tree else []
    return [node for node in found if _read(node)]  # without `from module import *`


def _read(statement: ast.Import | ast.ImportFrom) -> list[Imported]:
    if isinstance(statement, ast.Import):
        return [Imported(alias.name, "", alias.asname or "") for alias in statement.names]
    module = "." * statement.level + (statement.module or "")
    return [
        Imported(module, alias.name, "" if alias.asname in (None, alias.name) else str(alias.asname))
        for alias in statement.names
        if alias.name != "*"
    ]


def _extended(
    wanted: Imported,
    statements: Sequence[ast.Import | ast.ImportFrom],
    document: Document,
) -> Edit | None:
    """The name, written into a `from` statement of the same module in the order of the alphabet."""
    for statement in statements:
        if not wanted.name or not isinstance(statement, ast.ImportFrom):
            continue
        written = _read(statement)
        if written[0].module != wanted.module:
            continue
        name = wanted.statement.split(" import ", 1)[1]
        later = [alias for alias in statement.names if _name_order(wanted.name) < _name_order(alias.name)]
        if later:
            start = _start_of(later[0], document)
            return Edit(Span(start, start), f"{name}, ")
        end = _end_of(statement.names[-1], document)
        return Edit(Span(end, end), f", {name}")
    return None


def _inserted(
    wanted: Imported,
    statements: Sequence[ast.Import | ast.ImportFrom],
    tree: ast.Module,
    document: Document,
) -> Edit:
    """A line of its own, behind the last import that isort would put before it."""
    ending = "\r\n" if "\r\n" in document.text else "\n"
    if not statements:
        return _first_import(wanted.statement, tree, ending, document)
    order = _order(wanted)
    later = next((at for at, each in enumerate(statements) if order < _order(_read(each)[0])), len(statements))
    before = statements[later - 1] if 0 < later else None
    if before is not None and _order(_read(before)[0]).section == order.section:
        return _line_after(before, wanted.statement, ending, document)
    if later < len(statements):
        gap = "" if _order(_read(statements[later])[0]).section == order.section else ending
        return _line_before(statements[later].lineno - 1, wanted.statement + ending + gap, document)
    return _line_after(statements[-1], ending + wanted.statement, ending, document)


def _line_before(line: int, new_text: str, document: Document) -> Edit:
    start = document.lines.line_start(line)
    return Edit(Span(start, start), new_text)


def _line_after(statement: ast.stmt, new_line: str, ending: str, document: Document) -> Edit:
    end = document.line_span(document.lines.line_of(span_of(statement, document.text, document.lines).end)).end
    return Edit(Span(end, end), ending + new_line)


def _first_import(new_line: str, tree: ast.Module, ending: str, document: Document) -> Edit:
    """Below the docstring where there is one, else above the first statement."""
    body = tree.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return _line_after(body[0], ending + new_line, ending, document)
    line = body[0].lineno - 1 if body else 0
    decorators = getattr(body[0], "decorator_list", []) if body else []
    line = min([line, *(decorator.lineno - 1 for decorator in decorators)])
    return _line_before(line, new_line + ending + ending, document)


class _Order(NamedTuple):
    """Section, plain imports before `from`, then the alphabet: isort's default."""

    section: int
    is_from: bool
    module: str


def _order(one: Imported) -> _Order:
    return _Order(_section(one.module), bool(one.name), one.module.lower())


def _section(module: str) -> int:
    """The future, the standard library, what is installed, relative ones."""
    if module == "__future__":
        return 0
    if module.startswith("."):
        return 3
    return 1 if module.split(".", maxsplit=1)[0] in sys.stdlib_module_names else 2


def _name_order(name: str) -> tuple[int, str]:
    """Constants, classes, then the rest, each in the order of the alphabet."""
    if name.isupper() and 1 < len(name):
        return 0, name
    return (1 if name[:1].isupper() else 2), name.lower()


def _start_of(alias: ast.alias, document: Document) -> int:
    return document.lines.line_start(alias.lineno - 1) + alias.col_offset


def _end_of(alias: ast.alias, document: Document) -> int:
    assert alias.end_lineno is not None
    assert alias.end_col_offset is not None
    return document.lines.line_start(alias.end_lineno - 1) + alias.end_col_offset
