'''Write the docstring of the function or class whose first line holds the cursor.

Before: `def area(self):` and a body.
Model: `The area in square metres.`
After: the same with `"""The area in square metres."""` as its first line.
'''

import ast
from collections.abc import Iterator

from devstral_ls.cancel import CancelToken
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.code_actions.written import accepted
from devstral_ls.features.fixes import Tools
from devstral_ls.features.python_tree import Function, enclosing, parse, span_of
from devstral_ls.features.sentence import DocstringHole, docstring_hole, fill_hole, in_one_line, write_sentence
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Edit, Span

KIND = "refactor.rewrite.docstring"


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:  # noqa: ARG001
    """On the line of a `def` or `class` without a docstring, and only with a model."""
    node = _undocumented(asked.document, asked.span.start)
    if (asked.has_model or asked.answers) and node is not None:
        span = span_of(node, asked.document.text, asked.document.lines)
        yield Offer(
            action="docstring",
            kind=KIND,
            title=f"Write the docstring of {node.name}{f': ask {asked.answers}' if asked.answers else ''}",
            span=Span(span.start, span.start),
            is_generated=True,
        )


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:
    """Let the model fill the hole between the quotes; one sentence is enough."""
    node = _undocumented(document, offer.span.start)
    if node is None or writer is None:
        return None
    hole = docstring_hole(document, node)
    if hole is None:
        return None
    edits = [(Edit(hole.place, f'{hole.opening}{each}"""\n'),) for each in _sentences(document, node, hole, writer)]
    return accepted(offer, document, tools, edits)


def _sentences(document: Document, node: Function | ast.ClassDef, hole: DocstringHole, writer: Writer) -> list[str]:
    """What the model answers, where it does; else what it fills in."""
    if writer.answers:
        written = write_sentence(document, node, writer)
        return [written[0]] if written else []
    return [in_one_line(each.text) for each in fill_hole(document, hole, writer)]


def _undocumented(document: Document, offset: int) -> Function | ast.ClassDef | None:
    """The innermost definition that starts on the line of `offset` and has no docstring."""
    tree = parse(document.text) if document.language_id == "python" else None
    line = document.lines.line_of(offset)
    around = enclosing(tree, line) if tree else []
    if not around or around[-1].lineno != line + 1 or ast.get_docstring(around[-1]) is not None:
        return None
    return around[-1]
