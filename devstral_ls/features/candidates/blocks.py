"""Where the indentation says that a block begins or ends, in languages that have brackets for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from devstral_ls.text import Document, Edit, Span

_MAX_FOUND = 8
_CLOSER = {"{": "}", "(": ")", "[": "]"}
# What is not code, as far as a line at a time shows it.
_NO_CODE = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|//.*|/\*.*?(?:\*/|$)|^\s*\*.*")
_UNFINISHED = re.compile(r"(?:=>|[{(\[,;:?=&|+\-*/%<.!~^\\]|\bcase\b.*:)\s*$")
_STAYS_LEFT = re.compile(r"\s*(?:[})\]#]|case\b|default\b|else\b|catch\b|finally\b|\w+:\s*$|//|/\*|\*)")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: where its code begins and ends, how far it is indented, and what it leaves open."""

    start: int
    end: int
    text: str
    indent: int
    opened: str  # the brackets that it opens and does not close

    @property
    def is_blank(self) -> bool:
        return not self.text.strip()


def missing_brackets(document: Document) -> Iterator[tuple[Edit, str]]:
    """Edits that end or begin a block where its indentation does, with the bracket that they write."""
    lines = [_line(document, number) for number in range(document.lines.n_lines)]
    found = 0
    for number, line in enumerate(lines):
        edit = _closing(lines, number) if line.opened else _opening(lines, number)
        if edit is not None:
            yield edit, edit.new_text.strip()
            found += 1
        if found == _MAX_FOUND:
            return


def _line(document: Document, number: int) -> _Line:
    span = document.line_span(number)
    text = span.of(document.text)
    return _Line(span.start, span.end, text, len(text) - len(text.lstrip()), _opened(_NO_CODE.sub("", text)))


def _opened(code: str) -> str:
    opened = ""
    for character in code:
        if character in _CLOSER:
            opened += character
        elif opened and character == _CLOSER[opened[-1]]:
            opened = opened[:-1]
    return opened


def _closing(lines: list[_Line], number: int) -> Edit | None:
    """Before a line that stands as far left as the one that opened the block, and does not end it."""
    opener = lines[number]
    below = next((at for at in range(number + 1, len(lines)) if _is_outside(lines[at], opener)), None)
    if below is None or below == number + 1:
        return None
    if lines[below].indent == opener.indent and _STAYS_LEFT.match(lines[below].text):
        return None
    closers = "".join(_CLOSER[each] for each in reversed(opener.opened))
    bare = next((at for at in range(below - 1, number, -1) if _is_bare(lines[at], opener)), None)
    if bare is not None:
        return Edit(Span(lines[bare].end, lines[bare].end), closers)
    last = next(at for at in range(below - 1, number - 1, -1) if not lines[at].is_blank)
    return Edit(Span(lines[last].end, lines[last].end), f"\n{opener.text[: opener.indent]}{closers}")


def _is_bare(line: _Line, opener: _Line) -> bool:
    """Whether only the indentation of the closing bracket is left of a line."""
    return line.is_blank and len(line.text) == opener.indent and bool(line.text)


def _opening(lines: list[_Line], number: int) -> Edit | None:
    """Behind a line whose deeper lines end in a closing bracket below it."""
    line = lines[number]
    if line.is_blank or _UNFINISHED.search(_NO_CODE.sub("", line.text)) or _STAYS_LEFT.match(line.text):
        return None
    below = next((each for each in lines[number + 1 :] if not each.is_blank), None)
    if below is None or below.indent <= line.indent:
        return None
    end = next((each for each in lines[number + 1 :] if _is_outside(each, line)), None)
    if end is None or end.indent != line.indent or end.text.lstrip()[0] != "}":
        return None
    code_end = line.start + len(line.text.rstrip())
    return Edit(Span(code_end, line.end), " {")


def _is_outside(line: _Line, opener: _Line) -> bool:
    return not line.is_blank and line.indent <= opener.indent
