"""Add the members of an enumeration that a `match`, or a chain of `if` and `elif`, leaves out.

Before: `case Color.RED:` and `case Color.GREEN:` of a `Color` that also has `BLUE`.
After: the same with `case Color.BLUE:` below, which raises NotImplementedError until it is written.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devstral_ls.cancel import CancelToken
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.code_actions.written import accepted
from devstral_ls.features.fixes import Tools
from devstral_ls.features.python_tree import parse, span_of
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Edit, Span

KIND = "refactor.rewrite.cases"
_ENUMERATIONS = frozenset({"Enum", "IntEnum", "StrEnum"})
_DEFAULT_UNIT = "    "


@dataclass(frozen=True, slots=True)
class _Choice:
    """A statement that tells members of one enumeration apart, and how its next branch begins."""

    statement: ast.Match | ast.If
    enumeration: str
    handled: frozenset[str]
    last: ast.stmt  # of the last branch
    opening: str  # `{}` stands for the member


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:  # noqa: ARG001
    """On the first line of a `match` or `if` without a last branch for all the rest."""
    choice = _choice(asked.document, asked.span.start)
    missing = _missing(choice, asked.document, tools) if choice else []
    if choice and missing:
        start = span_of(choice.statement, asked.document.text, asked.document.lines).start
        words = missing[0] if len(missing) == 1 else f"{len(missing)} missing cases"
        title = f"Add {words} of {choice.enumeration}"
        yield Offer(action="cases", kind=KIND, title=title, span=Span(start, start))


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:  # noqa: ARG001
    """One branch for each member, in the order of the enumeration."""
    choice = _choice(document, offer.span.start)
    missing = _missing(choice, document, tools) if choice else []
    if not choice or not missing:
        return None
    lines, text = document.lines, document.text
    outer = _indent(choice.statement, document)
    if outer is None:
        return None
    unit = _unit(choice, document, outer)
    inner = outer + unit if isinstance(choice.statement, ast.Match) else outer
    ending = "\r\n" if "\r\n" in text else "\n"
    branches = [
        f"{ending}{inner}{choice.opening.format(f'{choice.enumeration}.{member}')}:"
        f"{ending}{inner}{unit}raise NotImplementedError"
        for member in missing
    ]
    end = document.line_span(lines.line_of(span_of(choice.last, text, lines).end)).end
    return accepted(offer, document, tools, [(Edit(Span(end, end), "".join(branches)),)])


def _choice(document: Document, offset: int) -> _Choice | None:
    tree = parse(document.text) if document.language_id == "python" else None
    line = document.lines.line_of(offset) + 1
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Match) and node.lineno == line:
            return _of_match(node)
        if isinstance(node, ast.If) and node.lineno == line:
            return _of_if(node)
    return None


def _of_match(node: ast.Match) -> _Choice | None:
    members: list[tuple[str, str]] = []
    for case in node.cases:
        patterns = case.pattern.patterns if isinstance(case.pattern, ast.MatchOr) else [case.pattern]
        for pattern in patterns:
            member = _member(pattern.value) if isinstance(pattern, ast.MatchValue) else None
            if member is None or case.guard is not None:
                return None
            members.append(member)
    return _chosen(node, members, node.cases[-1].body[-1], "case {}")


def _of_if(node: ast.If) -> _Choice | None:
    """`if x is Color.RED:`, `elif x is Color.GREEN:` and so on, all about the same `x`."""
    members: list[tuple[str, str]] = []
    subjects: set[str] = set()
    branch, word = node, "is"
    while True:
        match branch.test:
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() as how], comparators=[right]):
                member = _member(right)
            case _:
                return None
        if member is None:
            return None
        members.append(member)
        subjects.add(ast.unparse(left))
        word = "is" if isinstance(how, ast.Is) else "=="
        if not branch.orelse:
            break
        if len(branch.orelse) != 1 or not isinstance(branch.orelse[0], ast.If):
            return None  # an `else` has an answer for the rest
        branch = branch.orelse[0]
    if len(subjects) != 1 or len(members) < 2:
        return None
    return _chosen(node, members, branch.body[-1], f"elif {subjects.pop()} {word} {{}}")


def _chosen(node: ast.Match | ast.If, members: list[tuple[str, str]], last: ast.stmt, opening: str) -> _Choice | None:
    enumerations = {enumeration for enumeration, _ in members}
    if len(enumerations) != 1:
        return None
    return _Choice(node, enumerations.pop(), frozenset(member for _, member in members), last, opening)


def _member(value: ast.expr) -> tuple[str, str] | None:
    match value:
        case ast.Attribute(value=ast.Name(id=enumeration), attr=member):
            return enumeration, member
        case _:
            return None


def _missing(choice: _Choice, document: Document, tools: Tools) -> list[str]:
    """The members that the choice leaves out; none where it is not known which there are."""
    members = _members(choice.enumeration, (document, *tools.neighbours))
    return [member for member in members if member not in choice.handled] if choice.handled <= set(members) else []


def _members(name: str, documents: Iterable[Document]) -> list[str]:
    """The members of the first enumeration of this name."""
    for document in documents:
        tree = parse(document.text) if name in document.text else None
        for node in tree.body if tree else ():
            if isinstance(node, ast.ClassDef) and node.name == name and _is_enumeration(node):
                targets = [each.targets[0] for each in node.body if isinstance(each, ast.Assign)]
                return [each.id for each in targets if isinstance(each, ast.Name) and not each.id.startswith("_")]
    return []


def _is_enumeration(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).rsplit(".", 1)[-1] in _ENUMERATIONS for base in node.bases)


def _indent(statement: ast.stmt, document: Document) -> str | None:
    """The blanks before a statement that begins its line."""
    start = span_of(statement, document.text, document.lines).start
    before = document.text[document.lines.line_start(document.lines.line_of(start)) : start]
    return None if before.strip() else before


def _unit(choice: _Choice, document: Document, outer: str) -> str:
    """One step of indentation, as the last branch has it."""
    indent = _indent(choice.last, document)
    if indent is None or not indent.startswith(outer) or indent == outer:
        return _DEFAULT_UNIT
    steps = 2 if isinstance(choice.statement, ast.Match) else 1
    return indent[len(outer) :][: max(1, (len(indent) - len(outer)) // steps)]
