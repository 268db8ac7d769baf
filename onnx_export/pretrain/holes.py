"""Holes in a file where people's cursors are: what stands before, in and after each."""

import random
import re
from dataclasses import dataclass

MAX_MIDDLE_CHARS = 480
MAX_MIDDLE_LINES = 8


@dataclass(frozen=True, slots=True)
class Hole:
    """A span of a text that is to be written again from what surrounds it."""

    start: int
    end: int

    def __post_init__(self) -> None:
        assert 0 <= self.start <= self.end


def draw(text: str, random: random.Random) -> Hole:
    """A hole of a kind that is drawn by how often editors ask for it."""
    (kind,) = random.choices([kind for kind, _ in _KINDS], [weight for _, weight in _KINDS])
    hole = kind(text, random)
    return Hole(hole.start, min(hole.end, hole.start + MAX_MIDDLE_CHARS))


def rest_of_line(text: str, random: random.Random) -> Hole:
    """From any character of a written line to the end of that line."""
    start, end = _written_line(text, random)
    return Hole(random.randint(start, max(start, end - 1)), end)


def whole_line(text: str, random: random.Random) -> Hole:
    """A line whose indentation is already there."""
    return Hole(*_written_line(text, random))


def next_lines(text: str, random: random.Random) -> Hole:
    """The cursor at the end of a line; the next few lines are to come."""
    _, start = _written_line(text, random)
    end = start
    for _ in range(random.randint(1, MAX_MIDDLE_LINES)):
        end = _line_end(text, min(end + 1, len(text)))
    return Hole(start, end)


def block(text: str, random: random.Random) -> Hole:
    """The body below a line that ends with a colon."""
    openers = [match.end() for match in _OPENER.finditer(text)]
    if not openers:
        return next_lines(text, random)
    start = random.choice(openers)
    indent = _indent(text, text.rfind("\n", 0, start) + 1)
    end = start
    while end < len(text) and end - start <= MAX_MIDDLE_CHARS:
        line = end + 1
        following = _line_end(text, line)
        if text[line:following].strip() and _indent(text, line) <= indent:
            break
        end = following
    return Hole(start, start + len(text[start:end].rstrip()))


def after_dot(text: str, random: random.Random) -> Hole:
    """An attribute's name, and sometimes the rest of its line."""
    dots = [match.span(1) for match in _ATTRIBUTE.finditer(text)]
    if not dots:
        return rest_of_line(text, random)
    start, end = random.choice(dots)
    return Hole(start, _line_end(text, end))


def inside_call(text: str, random: random.Random) -> Hole:
    """The arguments between two parentheses."""
    calls = [match.span(1) for match in _ARGUMENTS.finditer(text)]
    if not calls:
        return rest_of_line(text, random)
    return Hole(*random.choice(calls))


def any_span(text: str, random: random.Random) -> Hole:
    """Any characters: a selection that was deleted."""
    start = random.randint(0, len(text))
    return Hole(start, min(len(text), start + random.randint(1, 120)))


def nothing(text: str, random: random.Random) -> Hole:
    """Nothing is missing: the model has to learn when to be silent."""
    _, end = _written_line(text, random)
    return Hole(end, end)


_OPENER = re.compile(r":(?=\n[ \t]+\S)")
_ATTRIBUTE = re.compile(r"\w\.([A-Za-z_]\w*)")
_ARGUMENTS = re.compile(r"\w\(([^()\n]+)\)")
_WRITTEN = re.compile(r"[ \t]*\S")

_KINDS = (
    (rest_of_line, 0.36),
    (whole_line, 0.16),
    (next_lines, 0.12),
    (block, 0.08),
    (after_dot, 0.12),
    (inside_call, 0.06),
    (any_span, 0.06),
    (nothing, 0.04),
)


def _written_line(text: str, random: random.Random) -> tuple[int, int]:
    """First and last offset of the visible part of some line that is not blank."""
    found = _WRITTEN.search(text, text.rfind("\n", 0, random.randint(0, len(text))) + 1)
    found = found or _WRITTEN.search(text)
    assert found is not None, "a kept file has a written line"
    return found.end() - 1, _line_end(text, found.end())


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _indent(text: str, line: int) -> int:
    found = _WRITTEN.match(text, line)
    return found.end() - 1 - line if found else 0
