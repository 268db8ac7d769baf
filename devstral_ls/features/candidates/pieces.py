"""A few lines of Python that can be parsed without the rest of the text, and their tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from devstral_ls.features.nesting import nesting_before
from devstral_ls.features.python_tree import NO_PYTHON, read
from devstral_ls.text import Document, Edit, Span

MAX_LINES = 30  # of a piece, because it is parsed again and again
COMPOUND = frozenset({"if", "elif", "else", "for", "while", "def", "class", "try", "except", "finally", "with"})
COMPOUND_OR_SOFT = COMPOUND | {"async", "match", "case"}
_STARTERS = frozenset({"return", "raise", "import", "from", "assert", "del", "pass", "global", "nonlocal", "yield"})
_ASSIGNMENT = re.compile(r"\s*[\w.]+\s*=[^=]")
_TOKEN = re.compile(
    r"\s+|#[^\n]*|[rbfuRBFU]{0,2}(?:'''|\"\"\"|'|\")|[^\W\d]\w*|\d[\w.]*|[-+*/%&|^<>=!:@]=|->|\*\*|//|.",
)
_FRAMES = {
    ")": (("f(\n", "\n)"), ("def f(\n", "\n): pass")),
    "]": (("f[\n", "\n]"),),
    "}": (("{\n", "\n}"),),
}
_QUOTES = ("'", '"', "'''", '"""')


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines around a syntax error; offsets are those of the document."""

    document: Document
    span: Span
    error: int
    frames: tuple[tuple[str, str], ...] = (("", ""),)  # what may stand around it, where it is a part of brackets

    @property
    def text(self) -> str:
        return self.span.of(self.document.text)

    def parses(self) -> bool:
        return self._parses(self.text)

    def parses_after(self, edit: Edit) -> bool:
        """Whether the piece is Python once `edit` is made."""
        start, end = edit.span.start - self.span.start, edit.span.end - self.span.start
        return self._parses(self.text[:start] + edit.new_text + self.text[end:])

    def _parses(self, text: str) -> bool:
        return any(_parses(f"{before}{text}{after}") for before, after in self.frames)


def pieces_around(document: Document, error: int) -> Iterator[Piece]:
    """The line of the error with what continues it; then longer ones, back to where a statement may start.

    In brackets a line alone comes first: a table may be longer than what can be parsed again and again.
    """
    line = document.lines.line_of(error)
    if not document.line_text(line)[: error - document.lines.line_start(line)].strip():
        # Nothing stands before the error: it is the line above that went wrong, or this one.
        yield _piece(document, line, line, error)
        line = _line_above(document, line)
    yield from _in_brackets(document, line, error)
    starts = [line, *_starts_above(document, line)]
    for first in starts:
        for last in dict.fromkeys((line, _continued(document, line), _balanced(document, first, line))):
            if last - first < MAX_LINES:
                yield _piece(document, first, last, error)


def _in_brackets(document: Document, line: int, error: int) -> Iterator[Piece]:
    """One line of those between two brackets."""
    start = document.lines.line_start(line)
    around = nesting_before(document.text[:start])
    if around.closers and not around.quote:
        span = Span(start, document.line_span(line).end)
        yield Piece(document, span, error, _FRAMES[around.closers[-1]])


def tokens_of(piece: Piece) -> list[Span]:
    """Words, numbers and marks, a string as one; blanks and comments are left out."""
    text, found, at = piece.document.text, list[Span](), piece.span.start
    while at < piece.span.end:
        match = _TOKEN.match(text, at, piece.span.end)
        if match is None:
            at += 1
            continue
        end = match.end()
        quote = match.group().lstrip("rbfuRBFU")
        if quote in _QUOTES:
            end = _string_end(text, end, quote, piece.span.end)
        if not match.group().isspace() and not match.group().startswith("#"):
            found.append(Span(at, end))
        at = end
    return found


def first_word(text: str) -> str:
    match = re.match(r"\s*(\w+|@)", text)
    return match.group(1) if match else ""


def _piece(document: Document, first: int, last: int, error: int) -> Piece:
    return Piece(document, Span(document.lines.line_start(first), document.line_span(last).end), error)


def _starts_above(document: Document, line: int) -> Iterator[int]:
    """Lines above where the statement may start, nearest first."""
    indent = _indent(document, line)
    for above in range(line - 1, max(-1, line - MAX_LINES), -1):
        text = document.line_text(above)
        if not text.strip():
            continue
        is_shallow = _indent(document, above) < indent
        if is_shallow or first_word(text) in COMPOUND_OR_SOFT | _STARTERS or _ASSIGNMENT.match(text):
            yield above
            indent = min(indent, _indent(document, above))


def _balanced(document: Document, first: int, line: int) -> int:
    """The first line from `line` on where every bracket that was opened since `first` is closed."""
    depth = 0
    for each in range(first, min(document.lines.n_lines, first + MAX_LINES)):
        text = document.line_text(each)
        depth += sum(text.count(opener) for opener in "([{") - sum(text.count(closer) for closer in ")]}")
        if line <= each and depth <= 0:
            return each
    return line


def _continued(document: Document, line: int) -> int:
    """The last line of the deeper indented lines below, with a closing bracket that ends them."""
    indent = _indent(document, line)
    end = line
    for below in range(line + 1, min(document.lines.n_lines, line + MAX_LINES)):
        text = document.line_text(below)
        if text.strip() and _indent(document, below) <= indent:
            return below if text.strip()[0] in ")]}" else end
        end = below if text.strip() else end
    return end


def _parses(piece: str) -> bool:
    try:
        read(_framed(piece))
    except NO_PYTHON:
        return False
    return True


def _framed(piece: str) -> str:
    """The lines with what must stand around them, for their indentation and first word to be right."""
    indent, last_indent = _blank_start(piece), _blank_start(piece.rstrip().rsplit("\n", 1)[-1])
    word = first_word(piece)
    outer = "match 0:\n" if word == "case" else "if 1:\n" if indent else ""
    before, after = "", ""
    if word in ("elif", "else"):
        before = f"{indent}if 1: pass\n"
    elif word in ("except", "finally"):
        before = f"{indent}try: pass\n"
    elif word == "try" and "except" not in piece and "finally" not in piece:
        after = f"{indent}finally: pass\n"
    elif word == "@" and "def " not in piece and "class " not in piece:
        after = f"{indent}def f(): pass\n"
    block = f"{last_indent}  pass\n" if piece.rstrip().endswith(":") else ""
    return f"{outer}{before}{piece}\n{block}{after}"


def _string_end(text: str, at: int, quote: str, limit: int) -> int:
    """Behind the closing quote; behind the opening one where the string is not closed."""
    closing = _closing_long(quote) if len(quote) == 3 else _CLOSING[quote]
    match = closing.match(text, at, limit)
    return match.end() if match else at


def _closing_long(quote: str) -> re.Pattern[str]:
    return re.compile(rf"(?:\\.|[^\\])*?{quote}", re.DOTALL)


_CLOSING = {quote: re.compile(rf"(?:\\.|[^\\\n])*?{quote}") for quote in ("'", '"')}


def _line_above(document: Document, line: int) -> int:
    above = (each for each in range(line - 1, -1, -1) if document.line_text(each).strip())
    return next(above, line)


def _indent(document: Document, line: int) -> int:
    return len(_blank_start(document.line_text(line)))


def _blank_start(text: str) -> str:
    return text[: len(text) - len(text.lstrip())].rsplit("\n", 1)[-1]
