"""A call that does not fit its signature: the parameter that was meant, or the argument that was left out."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from devstral_ls.checkers import Topic, quoted_in
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.python_tree import enclosing, parse, span_of
from devstral_ls.features.scopes import bound_names, members_in_scope, names_in_scope
from devstral_ls.features.similarity import nearest
from devstral_ls.text import Edit, Span

TOPICS = frozenset({Topic.ARGUMENT_NAME, Topic.ARGUMENT_MISSING, Topic.TYPE})
_ORIGIN = "arguments"
_MAX_REMEMBERED = 256
_MAX_VALUES = 6  # each is tried at several places, and a checker looks at each try
_MAX_ARGUMENT_CHARACTERS = 60
_WORD = re.compile(r"[A-Za-z][a-z]*|\d+")


@dataclass(frozen=True, slots=True)
class _Value:
    """What may have been left out, and how little speaks for it."""

    code: str
    cost: float
    index: int | None = None  # where other calls pass it


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `open(path, enconding="utf-8")`. After: `open(path, encoding="utf-8")`."""
    call = _call(case)
    if call is None:
        return
    opening = case.text.index("(", span_of(call.func, case.text, case.document.lines).end) + 1
    parameters = _parameters(case, opening) if case.topic is not Topic.TYPE else []
    missing = [name for name in quoted_in(case.problem.message)[:1] if case.topic is Topic.ARGUMENT_MISSING]
    yield from _other_names(case, call, list(dict.fromkeys([*missing, *parameters])))
    if case.topic is Topic.ARGUMENT_NAME and call.keywords:
        return
    for value in _values(case, call, missing, parameters):
        yield from _passed(case, call, value, opening, missing)


def _other_names(case: Case, call: ast.Call, parameters: list[str]) -> Iterator[Candidate]:
    """Parameters that a keyword of the call may have meant."""
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in parameters:
            continue
        start = span_of(keyword, case.text, case.document.lines).start
        place = Span(start, start + len(keyword.arg))
        for other, n_slips in nearest(keyword.arg, parameters):
            yield replace_one(place, other, f"{keyword.arg} → {other}", n_slips - 0.3, _ORIGIN)


def _parameters(case: Case, offset: int) -> list[str]:
    if case.types is None:
        return []
    try:
        labels = case.types.parameters_at(case.document, offset)
    except CheckerFailed:
        return []
    names = [label.lstrip("*").split(":")[0].split("=")[0].strip() for label in labels]
    return [name for name in dict.fromkeys(names) if name.isidentifier() and name not in ("self", "cls")]


# What may have been left out


def _values(case: Case, call: ast.Call, missing: Sequence[str], parameters: Sequence[str]) -> list[_Value]:
    """Values in scope for an argument, the likeliest first, without those that the call passes already."""
    passed = {ast.unparse(each) for each in call.args} | {ast.unparse(each.value) for each in call.keywords}
    wanted = missing or [name for name in parameters if name not in passed]
    found: dict[str, _Value] = {}
    for value in sorted(_thought_of(case, call, wanted), key=lambda each: each.cost):
        if value.code not in passed:
            found.setdefault(value.code, value)
    return list(found.values())[:_MAX_VALUES]


def _thought_of(case: Case, call: ast.Call, wanted: Sequence[str]) -> Iterator[_Value]:
    for name in wanted:
        for rank, code in enumerate(_values_named(name, case)):
            yield _Value(code, 0.8 + 0.5 * rank)
    known = names_in_scope(case.text, case.line)
    likeness = {name: max((_likeness(name, each) for each in wanted), default=0.0) for name in known}
    for name in _idle(case):
        yield _Value(name, 0.9 - 0.4 * likeness.get(name, 0.0))
    yield from _own_name(case, call)
    for name, level in known.items():
        if level == 0 and 0 < likeness[name]:
            yield _Value(name, 1.5 - 0.4 * likeness[name])
    yield from _passed_elsewhere(case, call, set(known))


def _values_named(name: str, case: Case) -> list[str]:
    values = [name] if name in names_in_scope(case.text, case.line) else []
    member = members_in_scope(case.text, case.line)
    if member is not None:
        values += [f"{member[0]}.{each}" for each in (name, f"_{name}") if each in member[1]]
    return values


def _likeness(name: str, parameter: str) -> float:
    """The share of words that two names have in common."""
    a, b = set(map(str.lower, _WORD.findall(name))), set(map(str.lower, _WORD.findall(parameter)))
    return len(a & b) / len(a | b) if a | b else 0.0


def _idle(case: Case) -> list[str]:
    """Names of the function that nothing uses, the nearest first: one that lost its argument often lost its use."""
    tree = parse(case.text)
    around = [each for each in enclosing(tree, case.line) if not isinstance(each, ast.ClassDef)] if tree else []
    if not around:
        return []
    used = {node.id for node in ast.walk(around[-1]) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    first_bound: dict[str, int] = dict.fromkeys(bound_names(around[-1]), around[-1].lineno)
    for node in ast.walk(around[-1]):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            first_bound[node.id] = node.lineno
    idle = [name for name in first_bound if name not in used and name not in ("self", "cls") and name[:1] != "_"]
    return sorted(idle, key=lambda name: abs(first_bound[name] - case.line - 1))


def _own_name(case: Case, call: ast.Call) -> Iterator[_Value]:
    """`T = TypeVar()` is told its own name, and so are its like."""
    tree = parse(case.text)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign) and node.value is call and isinstance(node.targets[0], ast.Name):
            yield _Value(f'"{node.targets[0].id}"', 0.9, 0)


def _passed_elsewhere(case: Case, call: ast.Call, known: set[str]) -> Iterator[_Value]:
    """What other calls of the same name pass where this one passes nothing, if its names exist here too."""
    name = _called(call)
    if name is None:
        return
    here = _arguments_by_call(case.text).get(name, ())
    others = [each for document in case.neighbours for each in _arguments_by_call(document.text).get(name, ())]
    counts = Counter(each for arguments in (*here, *here, *others) for each in arguments)
    for (index, code, names), n_calls in counts.most_common(2 * _MAX_VALUES):
        if names <= known:
            yield _Value(code, 1.6 - 0.1 * min(n_calls, 5), index)


@lru_cache(maxsize=_MAX_REMEMBERED)
def _arguments_by_call(text: str) -> dict[str, list[tuple[tuple[int, str, frozenset[str]], ...]]]:
    """For each name that a text calls, the short positional arguments of its calls, and the names that they need."""
    tree = parse(text)
    found: dict[str, list[tuple[tuple[int, str, frozenset[str]], ...]]] = {}
    for node in ast.walk(tree) if tree else ():
        name = _called(node) if isinstance(node, ast.Call) else None
        if name is not None and isinstance(node, ast.Call):
            arguments = tuple(_described(index, each) for index, each in enumerate(node.args) if _is_short(each))
            found.setdefault(name, []).append(arguments)
    return found


def _described(index: int, argument: ast.expr) -> tuple[int, str, frozenset[str]]:
    names = frozenset(node.id for node in ast.walk(argument) if isinstance(node, ast.Name))
    return index, ast.unparse(argument).replace("'", '"'), names


def _is_short(argument: ast.expr) -> bool:
    is_on_one_line = argument.lineno == argument.end_lineno and argument.end_col_offset is not None
    return is_on_one_line and (argument.end_col_offset or 0) - argument.col_offset <= _MAX_ARGUMENT_CHARACTERS


def _called(call: ast.Call) -> str | None:
    """The name behind the last dot of what is called."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


# Where it goes


def _passed(case: Case, call: ast.Call, value: _Value, opening: int, missing: Sequence[str]) -> Iterator[Candidate]:
    """The value at the places where it may be passed."""
    for index, place, prefix, suffix in _gaps(call, case, opening):
        shift = 0.0 if value.index in (None, index) else 0.4
        edit = Edit(Span(place, place), f"{prefix}{value.code}{suffix}")
        title = f"pass {value.code} as {missing[0]}" if missing else f"pass {value.code}"
        yield Candidate((edit,), title, value.cost + shift + 0.0001 * (place - opening), _ORIGIN, is_guess=True)
    if missing and call.keywords and missing[0].isidentifier():
        last = max(span_of(each, case.text, case.document.lines).end for each in call.keywords)
        edit = Edit(Span(last, last), f", {missing[0]}={value.code}")
        yield Candidate((edit,), f"pass {value.code} as {missing[0]}", value.cost + 0.3, _ORIGIN, is_guess=True)


def _gaps(call: ast.Call, case: Case, opening: int) -> Iterator[tuple[int, int, str, str]]:
    """Where a positional argument may be written: before each one, or behind the last; with its index."""
    lines = case.document.lines
    spans = [span_of(each, case.text, lines) for each in call.args]
    for index, span in enumerate(spans):
        yield index, span.start, "", ", "
    if spans:
        yield len(spans), spans[-1].end, ", ", ""
    else:
        yield 0, opening, "", ", " if call.keywords else ""


def _call(case: Case) -> ast.Call | None:
    """The innermost call that the problem covers or stands in."""
    tree, lines, span = parse(case.text), case.document.lines, case.problem.span
    if tree is None:
        return None
    around = [
        (span_of(node, case.text, lines), node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.lineno <= case.line + 1
    ]
    holding = [(len(place), node) for place, node in around if place.start <= span.start and span.end <= place.end]
    return min(holding, key=lambda each: each[0])[1] if holding else None
