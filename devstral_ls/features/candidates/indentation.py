"""A line whose indentation fits nowhere: put it where the lines around it are."""

import ast
import re
from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case
from devstral_ls.features.python_tree import enclosing, parse
from devstral_ls.text import Document, Edit, Span

TOPICS = frozenset({Topic.SYNTAX, Topic.PLACE, Topic.NAME, Topic.RETURN})
_MAX_BLOCK_LINES = 40
# The words of parsers for it; a misplaced `return` is only said to be outside of its function.
_INDENTATION = re.compile(r"(?i)indent|dedent|outside")


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `    x = 1` and `      y = 2` below it. After: both with the same indentation."""
    document = case.document
    doubt = 0.0 if _INDENTATION.search(case.problem.message) else 0.8
    lines = _suspects(case)
    for distance, line in enumerate(lines):
        present = _indent(document.line_text(line))
        for rank, indent in enumerate(_indents_around(document, line)):
            if indent == present:
                continue
            cost = 0.6 + doubt + 0.25 * rank + 0.3 * distance
            yield _reindented(document, line, line, indent, cost)
            last = _block_end(document, line)
            if last != line:
                yield _reindented(document, line, last, indent, cost + 0.05)


def _suspects(case: Case) -> list[int]:
    """The lines that may have moved, the likeliest first."""
    if case.topic is Topic.NAME:
        return [case.line]  # a line that lost its names has at most moved itself
    if case.topic is Topic.RETURN:
        return _returns(case)
    return _lines_around(case.document, case.line)


def _returns(case: Case) -> list[int]:
    """The last `return` of the function that ends without one, or the one right behind it."""
    tree = parse(case.text)
    around = enclosing(tree, case.line) if tree else []
    if not around or around[-1].end_lineno is None:
        return []
    lines = [node.lineno - 1 for node in ast.walk(around[-1]) if isinstance(node, ast.Return)]
    below = _lines_around(case.document, around[-1].end_lineno - 1)[-1]
    if case.document.line_text(below).lstrip().startswith("return"):
        lines.append(below)
    return sorted(lines, reverse=True)[:2]


def _lines_around(document: Document, line: int) -> list[int]:
    """The line itself, then the first lines with text above and below."""
    is_written = [bool(document.line_text(each).strip()) for each in range(document.lines.n_lines)]
    above = next((each for each in range(line - 1, -1, -1) if is_written[each]), None)
    below = next((each for each in range(line + 1, len(is_written)) if is_written[each]), None)
    here = line if is_written[line] else None
    return [each for each in (here, above, below) if each is not None]


def _indents_around(document: Document, line: int) -> list[str]:
    """The indentations that the line could have, the likeliest first."""
    texts = [document.line_text(each) for each in range(max(0, line - 40), line)]
    above = [text for text in texts if text.strip()]
    below = [document.line_text(each) for each in range(line + 1, min(document.lines.n_lines, line + 6))]
    found: list[str] = []
    if above:
        before = _indent(above[-1])
        found += [before + _unit(document), before] if above[-1].rstrip().endswith(":") else [before]
    found += [_indent(text) for text in below if text.strip()][:1]
    found += sorted({_indent(text) for text in above}, key=len, reverse=True)
    # Fingers slip by a blank or a step, so the nearest indentation was meant.
    present = len(_indent(document.line_text(line)))
    return sorted(dict.fromkeys(found), key=lambda indent: abs(len(indent) - present))[:5]


def _reindented(document: Document, first: int, last: int, indent: str, cost: float) -> Candidate:
    """Lines `first` to `last`, moved together so that the first one has the given indentation."""
    present = _indent(document.line_text(first))
    edits: list[Edit] = []
    for line in range(first, last + 1):
        text = document.line_text(line)
        if text.startswith(present) and text.strip():
            start = document.lines.line_start(line)
            edits.append(Edit(Span(start, start + len(present)), indent))
    lines = "the line" if first == last else f"{last - first + 1} lines"
    return Candidate(tuple(edits), f"indent {lines} by {len(indent)}", cost, "indentation")


def _block_end(document: Document, line: int) -> int:
    """The last line that has at least the indentation of `line` without a gap."""
    indent = _indent(document.line_text(line))
    end = line
    for below in range(line + 1, min(document.lines.n_lines, line + _MAX_BLOCK_LINES)):
        text = document.line_text(below)
        if text.strip() and not text.startswith(indent):
            break
        end = below if text.strip() else end
    return end


def _unit(document: Document) -> str:
    """One step of indentation, as the text makes it first."""
    for line in range(document.lines.n_lines):
        indent = _indent(document.line_text(line))
        if indent:
            return "\t" if indent[0] == "\t" else indent[:8]
    return "    "


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]
