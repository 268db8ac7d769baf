"""Where a name is called, in the texts that are at hand: by its name alone, so that the answer is there at once."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devstral_ls.features.python_tree import Function, own_nodes
from devstral_ls.text import Document

MAX_SHOWN = 5
_MAX_COUNTED = 999
_DEFINITION = re.compile(r"\b(?:def|class)\s+$")


@dataclass(frozen=True, slots=True)
class Call:
    """One place where a name is called."""

    uri: str
    path: str
    line: int  # 0-based


@dataclass(frozen=True, slots=True)
class Calls:
    """How often a name is called, and the first places."""

    n_calls: int = 0
    n_files: int = 0
    shown: tuple[Call, ...] = ()


NO_CALLS = Calls()


def calls_of(name: str, documents: Sequence[Document]) -> Calls:
    """The calls of anything that has this name, the first texts first."""
    call = re.compile(rf"(?<!\w){re.escape(name)}\s*\(")
    n_calls = n_files = 0
    shown: list[Call] = []
    for document in documents:
        found = list(_calls_in(document, name, call))
        n_calls, n_files = n_calls + len(found), n_files + bool(found)
        shown += found[: MAX_SHOWN - len(shown)]
        if _MAX_COUNTED <= n_calls:
            break
    return Calls(n_calls, n_files, tuple(shown))


def callees_of(node: Function) -> tuple[str, ...]:
    """What a function calls, in the order of its text, each once."""
    calls = sorted(
        (each for each in own_nodes(node) if isinstance(each, ast.Call)),
        key=lambda each: (each.lineno, each.col_offset),
    )
    names = (ast.unparse(each.func) for each in calls if isinstance(each.func, ast.Name | ast.Attribute))
    return tuple(dict.fromkeys(name for name in names if len(name) <= 60 and name.replace(".", "_").isidentifier()))


def raises_of(node: Function) -> tuple[str, ...]:
    """The exceptions that a function raises itself, by name."""
    raised = [each.exc for each in own_nodes(node) if isinstance(each, ast.Raise)]
    kinds = (each.func if isinstance(each, ast.Call) else each for each in raised)
    return tuple(dict.fromkeys(ast.unparse(each) for each in kinds if isinstance(each, ast.Name | ast.Attribute)))


def _calls_in(document: Document, name: str, call: re.Pattern[str]) -> Iterator[Call]:
    if name not in document.text:
        return
    for match in call.finditer(document.text):
        before = document.text[max(0, match.start() - 12) : match.start()]
        if not _DEFINITION.search(before):
            yield Call(document.uri, document.path, document.lines.line_of(match.start()))
