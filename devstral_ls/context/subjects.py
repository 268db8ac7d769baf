"""What an expression stands for depends on where it stands: the keys under which facts are remembered.

An expression in front of a dot is asked for its members, one in front of a bracket for its keywords.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from devstral_ls.text import Document, Place

MAX_SEARCHED_CHARACTERS = 60_000  # before the cursor
MAX_AROUND = 16  # expressions that are learned ahead for one place
MAX_CALLS_AROUND = 8
MAX_CALL_CHARACTERS = 2_000  # between a bracket and the cursor in it
MAX_REMEMBERED_BINDINGS = 32

RECEIVER = r"[^\W\d]\w*(?:\.[^\W\d]\w*|\(\))*"
_AT_CURSOR = re.compile(rf"(?<![\w.)\]])({RECEIVER})\.\w*$")
_DOTTED = re.compile(rf"(?<![\w.)\]])({RECEIVER})\.(?=[^\W\d]\w*)")
_CALLED = re.compile(rf"(?<![\w.)\]])(?<!def )(?<!class )({RECEIVER})\((?!\))")
_CALLEE = re.compile(rf"(?<![\w.)\]])(?<!def )(?<!class )({RECEIVER})$")
_HEADER = re.compile(r"(?:async\s+)?(?:def|class)\b")
_STRING_OR_COMMENT = re.compile(
    r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|#[^\n]*", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Subject:
    """An expression in front of a dot, with the functions around it and the lines that bind its first name."""

    path: str
    scope: tuple[str, ...]
    bindings: int
    expression: str
    is_called: bool = False


def subject_at(place: Place) -> Subject | None:
    """What stands before the dot at `place`."""
    found = _AT_CURSOR.search(place.line_before)
    return subject_of(place, found.group(1)) if found else None


def subject_of(place: Place, expression: str, *, is_called: bool = False) -> Subject:
    """What `expression` means where it is written at `place`."""
    root = re.match(r"\w+", expression)
    assert root is not None
    start = place.document.lines.line_start(place.line)
    before = place.document.text[max(0, start - MAX_SEARCHED_CHARACTERS) : start]
    return Subject(
        place.document.path, _scope(before, place.line_before), _bindings(before, root.group()), expression, is_called
    )


def receiver_end(place: Place) -> int:
    """The column of the dot at `place`."""
    found = _AT_CURSOR.search(place.line_before)
    assert found is not None
    return found.end(1)


def places_around(place: Place) -> Iterator[Place]:
    """Behind the dot of each expression that has one near `place`, the nearest above first, each expression once."""
    text, lines = place.document.text, place.document.lines
    start = max(0, place.offset - MAX_SEARCHED_CHARACTERS)
    seen: set[str] = set()
    for found in reversed(list(_DOTTED.finditer(text, start, lines.line_start(place.line)))):
        if found.group(1) not in seen:
            seen.add(found.group(1))
            yield Place(place.document, found.end())
        if MAX_AROUND <= len(seen):
            return


def callee_of(code: str) -> str | None:
    """What is called by the innermost bracket that is open at the end of `code`, in which strings are blanks."""
    n_closed = 0
    for index in range(len(code) - 1, max(-1, len(code) - MAX_CALL_CHARACTERS), -1):
        if code[index] in ")]}":
            n_closed += 1
        elif code[index] in "([{":
            n_closed -= 1
        if n_closed < 0:
            found = _CALLEE.search(code[:index].rpartition("\n")[2]) if code[index] == "(" else None
            return found.group(1) if found else None
    return None


def call_at(place: Place) -> Place | None:
    """Behind the bracket of the innermost call around `place`."""
    start = max(0, place.offset - MAX_CALL_CHARACTERS)
    code = code_only(place.document.text[start : place.offset])
    callee = callee_of(code)
    if callee is None:
        return None
    found = [each.end() for each in re.finditer(rf"(?<![\w.]){re.escape(callee)}\(", code)]
    return Place(place.document, start + found[-1]) if found else None


def calls_around(place: Place) -> Iterator[Place]:
    """Behind the bracket of the call at `place` and of each call near above it, each callee once."""
    here = call_at(place)
    if here is not None:
        yield here
    text, lines = place.document.text, place.document.lines
    start = max(0, place.offset - MAX_SEARCHED_CHARACTERS)
    seen: set[str] = set()
    for found in reversed(list(_CALLED.finditer(text, start, lines.line_start(place.line)))):
        if found.group(1) not in seen:
            seen.add(found.group(1))
            yield Place(place.document, found.end())
        if MAX_CALLS_AROUND <= len(seen):
            return


def called_at(place: Place) -> str | None:
    """What is called by the bracket that ends at `place`."""
    found = _CALLEE.search(place.line_before.removesuffix("("))
    return found.group(1) if found and place.line_before.endswith("(") else None


def code_only(text: str) -> str:
    """Python code with blanks in the place of strings and comments."""
    return _STRING_OR_COMMENT.sub(lambda match: " " * len(match.group()), text)


def keywords_used(document: Document, callee: str, *, but: int) -> set[str]:
    """The keywords that a document gives to `callee` on one line, on all lines but one."""
    at = document.lines
    calls = re.finditer(rf"(?<![\w.]){re.escape(callee)}\(([^()\n]*)", document.text)
    texts = [found.group(1) for found in calls if at.line_of(found.start()) != but]
    return {
        each.group(1) for text in texts for each in re.finditer(r"(?:^|,)\s*([^\W\d]\w*)\s*=(?!=)", code_only(text))
    }


def usages(document: Document, expression: str, *, but: int) -> set[str]:
    """The names that a document writes behind `expression` and a dot, on all lines but one."""
    at = document.lines
    used = re.finditer(rf"(?<![\w.)\]]){re.escape(expression)}\.([^\W\d]\w*)", document.text)
    return {found.group(1) for found in used if at.line_of(found.start()) != but}


def _scope(before: str, line: str) -> tuple[str, ...]:
    """The headers of the functions and classes around a line, the innermost first."""
    headers = []
    columns = len(line) - len(line.lstrip()) if line.strip() else len(line)
    for above in reversed(before.splitlines()):
        stripped = above.lstrip()
        if stripped and len(above) - len(stripped) < columns:
            columns = len(above) - len(stripped)
            if _HEADER.match(stripped):
                headers.append(stripped)
        if columns == 0:
            break
    return tuple(headers)


@lru_cache(maxsize=MAX_REMEMBERED_BINDINGS)
def _bindings(before: str, root: str) -> int:
    """A hash of the lines that give `root` its meaning."""
    binding = rf"\b{root}\b[ \t]*(?::[^=\n]*)?=(?!=)|\b(?:as|for|import|def|class|global|del)\b[^\n]*\b{root}\b"
    lines = [line for line in before.splitlines() if root in line and re.search(binding, line)]
    return hash(tuple(lines))
