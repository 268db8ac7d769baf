"""One sentence about an undocumented function: what the model would write where its docstring would stand."""

import ast
from dataclasses import dataclass

from devstral_ls.engine.request import Completion, FinishReason
from devstral_ls.features.endings import DocstringEnd
from devstral_ls.features.python_tree import Function, span_of
from devstral_ls.features.questions import to_sum_up
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Span

MAX_TOKENS = 48
DEADLINE_MS = 4000
ASK_MS = 20_000  # of a model that is asked, and is bigger than one that fills holes only
_MIN_WORDS = 3


@dataclass(frozen=True, slots=True)
class DocstringHole:
    """Where a docstring would stand, and how it would begin."""

    place: Span
    opening: str


def docstring_hole(document: Document, node: Function | ast.ClassDef) -> DocstringHole | None:
    """The hole above the first statement; None where that stands on the line of the header."""
    start = document.lines.line_start(node.body[0].lineno - 1)
    indent = document.text[start : span_of(node.body[0], document.text, document.lines).start]
    return None if indent.strip() else DocstringHole(Span(start, start), f'{indent}"""')


def in_one_line(written: str) -> str:
    """What was written as it may stand between the quotes."""
    return " ".join(written.replace("\\", "").replace('"', "'").split())


def fill_hole(
    document: Document, hole: DocstringHole, writer: Writer, *, deadline_ms: float = DEADLINE_MS
) -> list[Completion]:
    """What the model writes between the quotes, the likeliest first."""
    return writer.fill(
        document,
        hole.place,
        opening=hole.opening,
        max_tokens=MAX_TOKENS,
        stop=DocstringEnd(),
        deadline_ms=deadline_ms,
    )


def write_sentence(
    document: Document, node: Function | ast.ClassDef, writer: Writer, *, deadline_ms: float = DEADLINE_MS
) -> tuple[str, float] | None:
    """A sentence about the function and the mean log-probability of its tokens; None where the model is too unsure."""
    if writer.answers:
        return _asked_sentence(document, node, writer, deadline_ms=ASK_MS)
    hole = docstring_hole(document, node)
    for each in fill_hole(document, hole, writer, deadline_ms=deadline_ms) if hole else []:
        sentence = in_one_line(each.text)
        if _MIN_WORDS <= len(sentence.split()):
            return sentence, each.mean_logprob
    return None


def _asked_sentence(
    document: Document, node: Function | ast.ClassDef, writer: Writer, *, deadline_ms: float
) -> tuple[str, float] | None:
    source = span_of(node, document.text, document.lines).of(document.text)
    question = to_sum_up(source, document.language_id)
    key = f"{document.uri}:{node.lineno}"
    answer = writer.ask(question, key=key, max_tokens=MAX_TOKENS, deadline_ms=deadline_ms)
    sentence = in_one_line(answer.text) if answer and answer.finish is FinishReason.END else ""
    return (sentence, answer.mean_logprob) if answer and _MIN_WORDS <= len(sentence.split()) else None
