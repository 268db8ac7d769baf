"""A literal of the wrong type: the same value with or without its quotes."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.python_tree import parse, span_of
from devstral_ls.text import Span

TOPICS = frozenset({Topic.TYPE, Topic.ARGUMENT_NAME})
_ORIGIN = "literals"
_ELSEWHERE_COST = 1.4
_QUOTED = re.compile(r"-?\d+(\.\d+)?|True|False|None")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `sleep("3")`. After: `sleep(3)`."""
    tree = parse(case.text)
    if tree is None:
        return
    lines = case.document.lines
    last_line = lines.line_of(case.problem.span.end)
    found: list[Candidate] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and case.line <= node.lineno - 1 <= last_line:
            place = span_of(node, case.text, lines)
            found += _otherwise_written(case, node.value, place)
    found += _assigned_elsewhere(case, tree)
    yield from sorted(found, key=lambda each: each.cost)


def _assigned_elsewhere(case: Case, tree: ast.Module) -> Iterator[Candidate]:
    """Before: `limit = "3"` above `sleep(limit)`, where the problem is. After: `limit = 3`."""
    used = set(_IDENTIFIER.findall(case.problem.span.of(case.text)))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or case.line < node.lineno - 1:
            continue
        if used & {target.id for target in node.targets if isinstance(target, ast.Name)}:
            for constant in ast.walk(node.value):
                if isinstance(constant, ast.Constant) and _is_rare(constant.value):
                    place = span_of(constant, case.text, case.document.lines)
                    for each in _otherwise_written(case, constant.value, place):
                        yield replace(each, cost=_ELSEWHERE_COST, is_guess=True)


def _is_rare(value: object) -> bool:
    """Whether a literal looks like one that got its quotes, or its `b`, by mistake."""
    return isinstance(value, bytes) or (isinstance(value, str) and bool(_QUOTED.fullmatch(value)))


def _otherwise_written(case: Case, value: object, place: Span) -> Iterator[Candidate]:
    """The literal in the forms that may have been meant; those outside of the problem's span come later."""
    span = case.problem.span
    outside = 0.01 * max(0, span.start - place.start, place.end - span.end)
    for written, cost in _other_forms(value):
        yield replace_one(place, written, f"{place.of(case.text)} → {written}", cost + outside, _ORIGIN)


def _other_forms(value: object) -> Iterator[tuple[str, float]]:
    """The literals that somebody may have meant by this one; the rarer the present form, the cheaper."""
    if isinstance(value, str) and value:
        if _QUOTED.fullmatch(value):
            yield value, 0.6
        yield f"b{value!r}" if value.isascii() else repr(value), 0.9
    elif isinstance(value, bytes):
        yield repr(value)[1:], 0.6
    elif isinstance(value, bool | int | float):
        yield f'"{value}"', 0.8
