"""A call that does not fit its signature: the parameter that was meant, or the argument that was left out."""

import ast
from collections.abc import Iterator

from devstral_ls.checkers import Topic, quoted_in
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.python_tree import parse, span_of
from devstral_ls.features.scopes import members_in_scope, names_in_scope
from devstral_ls.features.similarity import nearest
from devstral_ls.text import Edit, Span

TOPICS = frozenset({Topic.ARGUMENT_NAME, Topic.ARGUMENT_MISSING})
_ORIGIN = "arguments"


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `open(path, enconding="utf-8")`. After: `open(path, encoding="utf-8")`."""
    call = _call(case)
    if call is None:
        return
    opening = case.text.index("(", span_of(call.func, case.text, case.document.lines).end) + 1
    parameters = _parameters(case, opening)
    missing = [name for name in quoted_in(case.problem.message)[:1] if case.topic is Topic.ARGUMENT_MISSING]
    yield from _other_names(case, call, list(dict.fromkeys([*missing, *parameters])))
    if case.topic is not Topic.ARGUMENT_NAME or not call.keywords:
        for name in dict.fromkeys([*missing, *parameters]):
            yield from _argument_left_out(case, call, name, opening)


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


def _argument_left_out(case: Case, call: ast.Call, parameter: str, opening: int) -> Iterator[Candidate]:
    """A value in scope that has the name of a parameter and is not passed yet."""
    written = {ast.unparse(each) for each in call.args} | {keyword.arg for keyword in call.keywords}
    for rank, value in enumerate(_values_named(parameter, case)):
        if value in written or parameter in written:
            continue
        for place, prefix, suffix, is_keyword in _gaps(call, case, opening):
            argument = f"{parameter}={value}" if is_keyword else value
            cost = 0.8 + 0.5 * rank + (0.3 if is_keyword else 0.0) + 0.0001 * (place - opening)
            edit = Edit(Span(place, place), f"{prefix}{argument}{suffix}")
            yield Candidate((edit,), f"pass {value} as {parameter}", cost, _ORIGIN)


def _values_named(name: str, case: Case) -> list[str]:
    values = [name] if name in names_in_scope(case.text, case.line) else []
    member = members_in_scope(case.text, case.line)
    if member is not None:
        values += [f"{member[0]}.{each}" for each in (name, f"_{name}") if each in member[1]]
    return values


def _gaps(call: ast.Call, case: Case, opening: int) -> Iterator[tuple[int, str, str, bool]]:
    """Where an argument may be written: before each positional one, behind the last one, or as a keyword."""
    lines = case.document.lines
    spans = [span_of(each, case.text, lines) for each in call.args]
    for span in spans:
        yield span.start, "", ", ", False
    keywords = [span_of(each, case.text, lines) for each in call.keywords]
    if spans:
        yield spans[-1].end, ", ", "", False
    else:
        yield opening, "", ", " if keywords else "", False
    last = max([*spans, *keywords], key=lambda span: span.end, default=None)
    yield (last.end, ", ", "", True) if last else (opening, "", "", True)


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
