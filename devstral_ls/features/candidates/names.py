"""A name that does not exist: the name that was meant, the binding that lost its name, or a member without `self`."""

import ast
import re
from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.python_tree import enclosing, parse, span_of
from devstral_ls.features.scopes import members_in_scope, names_in_scope
from devstral_ls.features.similarity import nearest
from devstral_ls.text import Edit, Span

TOPICS = frozenset({Topic.NAME, Topic.UNUSED})
_ORIGIN = "names"


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `return jsn.loads(x)` with `import json` above. After: `return json.loads(x)`."""
    place = case.identifier()
    if place is None:
        return
    name = place.of(case.text)
    known = names_in_scope(case.text, case.line)
    known.pop(name, None)
    if case.topic is Topic.UNUSED:
        yield from _meant_by_unused(case, place, known)
        return
    for other, n_slips in nearest(name, known):
        cost = n_slips + 0.1 * known[other]
        yield replace_one(place, other, f"{name} → {other}", cost, _ORIGIN)
        yield from _rename_uses(case, name, other, cost - 0.01)
        yield from _rename_binding(case, other, name, cost)
    member = members_in_scope(case.text, case.line)
    if member is not None and name in member[1]:
        yield replace_one(place, f"{member[0]}.{name}", f"{name} → {member[0]}.{name}", 0.7, _ORIGIN)


def _meant_by_unused(case: Case, place: Span, known: dict[str, int]) -> Iterator[Candidate]:
    """Before: `totals = 0`, used by nobody beside `total`. After: `total = 0`."""
    tree = parse(case.text)
    if tree is None or not enclosing(tree, case.line):
        return
    inner = enclosing(tree, case.line)[-1]
    parameters = {each.arg for each in ast.walk(inner) if isinstance(each, ast.arg)}
    for other, n_slips in nearest(place.of(case.text), [name for name, level in known.items() if level == 0]):
        # Parameters are rarely given another value.
        cost = n_slips - 0.1 + 0.3 * (other in parameters)
        yield replace_one(place, other, f"{place.of(case.text)} → {other}", cost, _ORIGIN)


def _rename_uses(case: Case, name: str, other: str, cost: float) -> Iterator[Candidate]:
    """The name at all its places in the function, where it has more than one."""
    tree = parse(case.text)
    functions = [each for each in enclosing(tree, case.line) if not isinstance(each, ast.ClassDef)] if tree else []
    nodes = ast.walk(functions[-1]) if functions else ()
    spans = sorted(
        span_of(node, case.text, case.document.lines)
        for node in nodes
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    )
    if 1 < len(spans):
        edits = tuple(Edit(span, other) for span in spans)
        yield Candidate(edits, f"{name} → {other} at {len(spans)} places", cost, _ORIGIN)


def _rename_binding(case: Case, bound: str, name: str, cost: float) -> Iterator[Candidate]:
    """Give a local binding that nothing uses the name that the rest of its function asks for."""
    tree = parse(case.text)
    functions = [each for each in enclosing(tree, case.line) if not isinstance(each, ast.ClassDef)] if tree else []
    for function in reversed(functions):
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        bindings = [node for node in names if node.id == bound]
        if not bindings:
            continue
        if all(isinstance(node.ctx, ast.Store) for node in bindings):
            spans = [span_of(node, case.text, case.document.lines) for node in bindings]
            edits = tuple(Edit(span, name) for span in sorted(spans))
            n_uses = sum(node.id == name for node in names)
            likely = -0.5 if 1 < n_uses or _is_elsewhere(name, n_uses, case.text) else 0.2
            yield Candidate(edits, f"{bound} → {name} where it is bound", cost + likely, _ORIGIN)
        return


def _is_elsewhere(name: str, n_uses: int, text: str) -> bool:
    """Whether other parts of the text have the name too, so that it is no slip of the keyboard."""
    return n_uses < len(re.findall(rf"\b{re.escape(name)}\b", text))
