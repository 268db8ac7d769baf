"""Calls of a function that a test may try, found without a model: in its docstring, in the texts around, in its types.

Every trial is an expression that calls the function by its bare name with literal arguments.
"""

import ast
import builtins
import doctest
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath

from devstral_ls.features.python_tree import NO_PYTHON, parse, read
from devstral_ls.text import Document

MAX_CALLS = 6  # that are taken over from the texts around
MAX_CHARACTERS = 120  # of one call
_SAMPLES: dict[str, tuple[str, ...]] = {
    "int": ("0", "1", "7"),
    "float": ("0.0", "1.0", "2.5"),
    "complex": ("0j", "1j"),
    "bool": ("False", "True"),
    "str": ("''", "'a'", "'Two words'"),
    "bytes": ("b''", "b'abc'"),
    "list": ("[]",),
    "dict": ("{}",),
    "tuple": ("()",),
    "None": ("None",),
}
_SEQUENCES = frozenset({"list", "Sequence", "Iterable", "Collection", "List"})
_MAPPINGS = frozenset({"dict", "Mapping", "Dict"})
_BUILTINS = frozenset(dir(builtins))


class Origin(IntEnum):
    """Where a trial comes from, the most telling first."""

    DOCSTRING = 0
    CALL = 1
    MODEL = 2
    TYPES = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """A call, and what the docstring says that it gives: the source of a value, or the name of an exception."""

    call: str
    origin: Origin
    value: str = ""
    raised: str = ""


def from_docstring(node: ast.FunctionDef) -> Iterator[Trial]:
    """The examples that need nothing but the function: `>>> slug("A b")` above `'a-b'`."""
    docstring = ast.get_docstring(node)
    try:
        examples = doctest.DocTestParser().get_examples(docstring) if docstring else []
    except ValueError:  # it is no doctest, it only looks like one
        return
    for example in examples:
        call = call_in(example.source.strip(), node.name)
        raised = (example.exc_msg or "").partition(":")[0].strip()
        if call and raised:
            yield from [Trial(call, Origin.DOCSTRING, raised=raised)] if raised in _BUILTINS else []
        elif call and "..." not in example.want:  # which may stand for anything
            yield _documented(call, example.want.rstrip("\n"))


def from_calls(node: ast.FunctionDef, document: Document, others: Iterable[Document]) -> Iterator[Trial]:
    """The calls with literal arguments in this text and the others, each once, the first texts first."""
    module = PurePosixPath(document.path).stem
    found: dict[str, None] = {}
    for each in (document, *others):
        tree = parse(each.text) if each.language_id == "python" and f"{node.name}(" in each.text else None
        for called in ast.walk(tree) if tree else ():
            if isinstance(called, ast.Call) and _is_called(called.func, node.name, module) and _is_literal(called):
                plain = ast.Call(ast.Name(node.name), called.args, called.keywords)
                found.setdefault(ast.unparse(plain))
        if MAX_CALLS <= len(found):
            break
    yield from (Trial(call, Origin.CALL) for call in [*found][:MAX_CALLS] if len(call) <= MAX_CHARACTERS)


def from_types(node: ast.FunctionDef) -> Iterator[Trial]:
    """Simple values of the annotated types; parameters with defaults keep them, unknown types give nothing."""
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    needed = positional[: len(positional) - len(given.defaults)]
    by_name = [each for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    samples = [_samples(each.annotation) for each in (*needed, *by_name)]
    if not samples or not all(samples):
        return
    for number in range(max(map(len, samples))):
        values = [each[number % len(each)] for each in samples]
        named = [f"{each.arg}={value}" for each, value in zip(by_name, values[len(needed) :], strict=True)]
        yield Trial(f"{node.name}({', '.join([*values[: len(needed)], *named])})", Origin.TYPES)


def from_written(written: str, name: str) -> Trial | None:
    """What a model wrote behind `assert name(`, where it is a call with literals; what it expects is not believed."""
    line = written.partition("\n")[0]
    for at, character in enumerate(line):
        call = call_in(f"{name}({line[: at + 1]}", name) if character == ")" else None
        if call is not None:
            tree = _expression(call)
            return Trial(call, Origin.MODEL) if isinstance(tree, ast.Call) and _is_literal(tree) else None
    return None


def call_in(source: str, name: str) -> str | None:
    """The source in one manner of writing, if it is an expression that calls `name` and knows nothing else."""
    try:
        tree = _expression(source)
    except NO_PYTHON:
        return None
    used = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
    called = {each.func.id for each in ast.walk(tree) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
    is_plain = used <= _BUILTINS | {name} and not any(
        isinstance(each, ast.Lambda | ast.Await) for each in ast.walk(tree)
    )
    call = ast.unparse(tree)
    return call if name in called and is_plain and len(call) <= MAX_CHARACTERS else None


def _expression(source: str) -> ast.expr:
    tree = read(source, mode="eval")
    assert isinstance(tree, ast.Expression)
    return tree.body


def _documented(call: str, printed: str) -> Trial:
    """What an example prints: a value, how a value shows itself, or what the example itself has printed."""
    match _expression(call):
        case ast.Call(func=ast.Name(id="print"), args=[shown], keywords=[]):
            return Trial(f"str({ast.unparse(shown)})", Origin.DOCSTRING, value=repr(printed))
    try:
        value = repr(ast.literal_eval(printed.strip() or "None"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return Trial(f"repr({call})", Origin.DOCSTRING, value=repr(printed))
    return Trial(call, Origin.DOCSTRING, value=value)


def _is_called(function: ast.expr, name: str, module: str) -> bool:
    match function:
        case ast.Name(id=called):
            return called == name
        case ast.Attribute(value=ast.Name(id=owner), attr=called):
            return called == name and owner == module
        case _:
            return False


def _is_literal(call: ast.Call) -> bool:
    if any(each.arg is None for each in call.keywords):
        return False
    try:
        for each in (*call.args, *(each.value for each in call.keywords)):
            ast.literal_eval(each)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return bool(call.args or call.keywords)


def _samples(annotation: ast.expr | None) -> tuple[str, ...]:
    """Values of a type, simple ones first; nothing for a type that is not known here."""
    match annotation:
        case ast.Constant(value=None):
            return _SAMPLES["None"]
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _SAMPLES.get(name, ("[]",) if name in _SEQUENCES else ("{}",) if name in _MAPPINGS else ())
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            one, other = _samples(left), _samples(right)
            return (*one, *other) if one and other else ()
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _samples_of_generic(name, inner)
        case _:
            return ()


def _samples_of_generic(name: str, inner: ast.expr) -> tuple[str, ...]:
    if name == "Optional":
        known = _samples(inner)
        return (*known, "None") if known else ()
    if name in _SEQUENCES:
        items = _samples(inner)
        return ("[]", f"[{items[-1]}]", f"[{', '.join(items[::-1])}]") if items else ()
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    items_of = [_samples(each) for each in parts]
    if name in _MAPPINGS and len(parts) == 2 and all(items_of):
        return ("{}", f"{{{items_of[0][-1]}: {items_of[1][-1]}}}")
    if name in {"tuple", "Tuple"} and all(items_of):
        return tuple(f"({', '.join(each[at % len(each)] for each in items_of)},)" for at in (0, 1))
    return ()
