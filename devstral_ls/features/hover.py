"""What stands under the cursor: signature, documentation, place, and what is wrong there and can be proven right.

Nothing here runs a model, so a hover is there at once; a sentence that a model has written before is shown with it.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem, Topic, topic_of
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.calls import NO_CALLS, Call, Calls, callees_of, calls_of, raises_of
from devstral_ls.features.fixes import Fix, Tools, find_fix
from devstral_ls.features.import_lines import imports_of
from devstral_ls.features.markdown import escape, fenced, label, shown_plainly, visible
from devstral_ls.features.python_tree import Function, parse
from devstral_ls.text import Document, Place, Span

_MAX_DOC_CHARACTERS = 800
_MAX_PROBLEMS = 3
_UNKNOWN_TYPE = "Unknown"
_MAX_CALLEES = 8
_AUTHOR = "generated, may be wrong"
_CALLABLE = re.compile(r"(?:```\w*\s*)?(?:async def|def|class|<class|bound method)\b")
_FIX_MS = 300  # a hover that knows of no fix is better than a late one
_RULE = re.compile(r"\n-{3,}\n")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_MEANINGS = {
    Topic.SYNTAX: "Python cannot read the text from here on.",
    Topic.PLACE: "The statement stands where Python does not allow it.",
    Topic.NAME: "Nothing in scope has this name, so the line fails when it runs.",
    Topic.ATTRIBUTE: "The value before the dot has no such attribute.",
    Topic.IMPORT: "The module or the name in it cannot be found.",
    Topic.ARGUMENT_NAME: "No parameter of the call has this name.",
    Topic.ARGUMENT_MISSING: "The call leaves out an argument that it needs.",
    Topic.ARGUMENT_SURPLUS: "The call passes more arguments than there are parameters.",
    Topic.AWAIT: "The coroutine is made but never runs.",
    Topic.RETURN: "The function ends without the value that it promises.",
    Topic.TYPE: "The value is of another type than the one that is needed here.",
    Topic.UNUSED: "Nothing uses it.",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One problem under the cursor, what it means, and the fix that is proven for it."""

    problem: Problem
    meaning: str
    fix: Fix | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known about a place; every part may be empty."""

    span: Span
    signature: str
    documentation: str
    defined_at: str
    diagnoses: tuple[Diagnosis, ...]
    raises: tuple[str, ...] = ()
    callees: tuple[str, ...] = ()
    calls: Calls = NO_CALLS
    generated: str = ""  # a sentence of the model, where somebody asked for such


@dataclass(frozen=True, slots=True)
class _Known:
    signature: str = ""
    documentation: str = ""
    defined_at: str = ""

    @property
    def is_callable(self) -> bool:
        """Whether the signature is one of something that can be called."""
        return bool(_CALLABLE.match(self.signature))


def explain(place: Place, problems: Sequence[Problem], tools: Tools, cancel: CancelToken) -> Explanation | None:
    """Everything that is known about `place`; None where there is nothing to say."""
    here = [problem for problem in problems if problem.span.contains(place.offset)][:_MAX_PROBLEMS]
    span = _identifier(place)
    known = _known(place, span, tools) if span else _Known()
    if not here and known == _Known():
        return None
    quick = replace(tools, deadline_ms=_FIX_MS, propose=None)
    diagnoses = tuple(_diagnosis(place.document, problem, quick, cancel) for problem in here)
    covered = span or here[0].span
    explanation = Explanation(covered, known.signature, known.documentation, known.defined_at, diagnoses)
    return _with_calls(explanation, place, tools) if span and known.is_callable else explanation


def definition_of(explanation: Explanation, document: Document) -> Function | None:
    """The function of the same text that an explanation is about."""
    tree = parse(document.text) if document.language_id == "python" else None
    name = explanation.span.of(document.text)
    named = (node for node in ast.walk(tree) if isinstance(node, Function) and node.name == name) if tree else ()
    return next(iter(named), None)


def undocumented(explanation: Explanation, document: Document) -> Function | None:
    """The function of the same text that an explanation is about, where nobody has said what it does."""
    node = None if explanation.documentation else definition_of(explanation, document)
    return None if node is None or ast.get_docstring(node) else node


def as_markdown(explanation: Explanation, language_id: str, *, shows_backslashes: bool = False) -> str:
    """Markdown in which text from a workspace can be no link, image or command."""
    prose = shown_plainly if shows_backslashes else escape
    parts = [fenced(explanation.signature, language_id)] if explanation.signature else []
    if explanation.documentation:
        parts.append(prose(explanation.documentation))
    if explanation.generated:
        sentence = prose(explanation.generated)
        parts.append(sentence + ("\n" if sentence.endswith("```") else " ") + f"*({_AUTHOR})*")
    if explanation.defined_at:
        escaped = escape(explanation.defined_at)
        parts.append(f"*{escaped}*" if escaped == explanation.defined_at else prose(explanation.defined_at))
    if explanation.raises or explanation.callees or explanation.calls.n_calls:
        parts.append("  \n".join(_markdown_about_calls(explanation, prose)))
    parts += ["  \n".join(prose(line) for line in _lines_about(each)) for each in explanation.diagnoses]
    return "\n\n".join(parts)


def as_lines(explanation: Explanation) -> Iterator[str]:
    """The same as plain text."""
    generated = f"{explanation.generated} ({_AUTHOR})" if explanation.generated else ""
    for part in (explanation.signature, explanation.documentation, generated, explanation.defined_at):
        if part:
            yield visible(part)
    yield from map(visible, _words_about_calls(explanation))
    if explanation.calls.n_calls:
        yield _count(explanation.calls)
    for diagnosis in explanation.diagnoses:
        yield from map(visible, _lines_about(diagnosis))


def _with_calls(explanation: Explanation, place: Place, tools: Tools) -> Explanation:
    document = place.document
    node = definition_of(explanation, document)
    return replace(
        explanation,
        raises=raises_of(node) if node else (),
        callees=callees_of(node)[:_MAX_CALLEES] if node else (),
        calls=calls_of(explanation.span.of(document.text), (document, *tools.neighbours)),
    )


def _words_about_calls(explanation: Explanation) -> Iterator[str]:
    if explanation.raises:
        yield f"raises {', '.join(explanation.raises)}"
    if explanation.callees:
        yield f"calls {', '.join(explanation.callees)}"


def _markdown_about_calls(explanation: Explanation, prose: Callable[[str], str]) -> Iterator[str]:
    yield from map(prose, _words_about_calls(explanation))
    links = [_link(each) for each in explanation.calls.shown]
    if links:
        yield f"{_count(explanation.calls)}: {', '.join(links)}"


def _count(calls: Calls) -> str:
    n_calls = "once" if calls.n_calls == 1 else f"{calls.n_calls} times"
    n_files = "one file" if calls.n_files == 1 else f"{calls.n_files} files"
    return f"called {n_calls} in {n_files} of its folder"


def _link(call: Call) -> str:
    """A link to a file of the workspace; nothing in its name can end it or make it another one."""
    words = label(f"{call.path.rsplit('/', 1)[-1]}:{call.line + 1}")
    if not call.uri.startswith("file:///"):
        return words
    return f"[{words}]({quote(unquote(call.uri), safe='/:')}#L{call.line + 1})"


def _lines_about(diagnosis: Diagnosis) -> list[str]:
    problem = diagnosis.problem
    title = f"{problem.source} {problem.code}".strip()
    lines = [f"{title}: {problem.message.splitlines()[0]}"]
    if diagnosis.meaning:
        lines.append(diagnosis.meaning)
    if diagnosis.fix is not None:
        judges = " and ".join(diagnosis.fix.proof.checked_by)
        lines.append(f"There is a fix, verified by {judges}: {diagnosis.fix.candidate.title}")
    return lines


def _diagnosis(document: Document, problem: Problem, tools: Tools, cancel: CancelToken) -> Diagnosis:
    meaning = _MEANINGS.get(topic_of(problem), "")
    return Diagnosis(problem, meaning, find_fix(document, problem, tools, cancel))


def _known(place: Place, span: Span, tools: Tools) -> _Known:
    """From the types where there are any, else from the text itself."""
    if tools.types is not None:
        try:
            told = tools.types.hover_at(place.document, place.offset)
            where = tools.types.definition_at(place.document, place.offset)
        except CheckerFailed:
            told, where = "", None
        if told and told != _UNKNOWN_TYPE:
            signature, *rest = _RULE.split(told, maxsplit=1)
            return _Known(signature, _shortened("".join(rest)), _place_words(where, place.document))
    return _from_text(span.of(place.document.text), place.document)


def _place_words(where: tuple[str, int] | None, document: Document) -> str:
    if where is None:
        return ""
    uri, line = where
    name = document.path if uri == document.uri else "/".join(uri.rsplit("/", 2)[-2:])
    return f"defined in {name}, line {line + 1}"


def _from_text(name: str, document: Document) -> _Known:
    """The definition of that name in the same text, or the import that brings it."""
    tree = parse(document.text) if document.language_id == "python" else None
    if tree is None:
        return _Known()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            where = f"defined in {document.path}, line {node.lineno}"
            return _Known(_header(node), _shortened(ast.get_docstring(node) or ""), where)
    for one in imports_of(document):
        if one.bound_name == name:
            return _Known(one.statement)
    return _Known()


def _header(node: Function | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    start = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    return f"{start} {node.name}({ast.unparse(node.args)}){returns}"


def _shortened(documentation: str) -> str:
    text = documentation.strip()
    return text if len(text) <= _MAX_DOC_CHARACTERS else f"{text[:_MAX_DOC_CHARACTERS].rstrip()}…"


def _identifier(place: Place) -> Span | None:
    line = place.document.line_span(place.line)
    for match in _IDENTIFIER.finditer(line.of(place.document.text)):
        span = Span(*match.span()).shifted(line.start)
        if span.contains(place.offset):
            return span
    return None
