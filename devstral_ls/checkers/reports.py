"""What a foreign program prints, read as problems: by a regular expression, or line by line as JSON."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Protocol

from devstral_ls.checkers.problem import Problem, Severity
from devstral_ls.errors import CheckerFailed
from devstral_ls.text import Document, Span

FACTS = ("file", "line", "column", "end_line", "end_column", "severity", "code", "message")
_MAX_PROBLEMS = 200
_MAX_MESSAGE_CHARACTERS = 500
_WORD = re.compile(r"\w+|\S")
_SEVERITIES = {
    "error": Severity.ERROR,
    "fatal": Severity.ERROR,
    "warning": Severity.WARNING,
    "warn": Severity.WARNING,
    "info": Severity.INFORMATION,
    "information": Severity.INFORMATION,
    "note": Severity.INFORMATION,
    "hint": Severity.HINT,
    "style": Severity.HINT,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A document as a program saw it: the file that held its text, and the folder that names are relative to."""

    document: Document
    file: Path
    folder: Path

    def is_named(self, name: str | None) -> bool:
        """Whether a report is about this file; one that names no file is."""
        if not name or name in ("-", "<stdin>"):
            return True
        named = os.path.normpath(self.folder / name)
        return named == os.path.normpath(self.file) or os.path.realpath(named) == os.path.realpath(self.file)


class Reader(Protocol):
    """A way to read what a program prints."""

    @property
    def reads_stderr(self) -> bool: ...

    def problems(self, output: str, seen: Seen, source: str) -> list[Problem]:
        """The problems in the `output` of the program `source`."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Each match of a pattern is a problem; its groups are named as in `FACTS`."""

    pattern: re.Pattern[str]

    @property
    def reads_stderr(self) -> bool:
        return True  # compilers complain there

    def problems(self, output: str, seen: Seen, source: str) -> list[Problem]:
        found = (match.groupdict() for match in self.pattern.finditer(output))
        return _problems(found, seen, source)


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Each line is an object; `paths` says where in it a fact stands, as keys and numbers. Others are left out."""

    paths: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def reads_stderr(self) -> bool:
        return False  # progress goes there

    def problems(self, output: str, seen: Seen, source: str) -> list[Problem]:
        try:
            read = [json.loads(line) for line in output.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise CheckerFailed(f"{source} answered something that is not a JSON object a line") from error
        found = ({fact: _at(each, path) for fact, path in self.paths} for each in read)
        return _problems(found, seen, source)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _problems(found: Iterator[Mapping[str, Any]], seen: Seen, source: str) -> list[Problem]:
    problems: list[Problem] = []
    for facts in found:
        told = {fact: str(value) for fact, value in facts.items() if value is not None}
        if told.get("line", "").isdecimal():
            problems.append(_problem(told, seen, source))
        if _MAX_PROBLEMS <= len(problems):
            break
    return sorted(dict.fromkeys(problems), key=lambda each: each.span)


def _problem(told: Mapping[str, str], seen: Seen, source: str) -> Problem:
    message = " ".join(told.get("message", "").split())[:_MAX_MESSAGE_CHARACTERS] or "unnamed problem"
    severity = _SEVERITIES.get(told.get("severity", "").lower(), Severity.ERROR)
    code = told.get("code", "")
    if not seen.is_named(told.get("file")):
        elsewhere = f"{PurePath(told['file']).name}: {message}"
        return Problem(source, code, elsewhere, Span(0, 0), severity, is_elsewhere=True)
    return Problem(source, code, message, _span(told, seen.document), severity)


def _span(told: Mapping[str, str], document: Document) -> Span:
    """From the first place to the last; a lone place stands for the word there, a lone line for the line."""
    start_line = _line(told["line"], document)
    line = document.line_span(start_line)
    text = line.of(document.text)
    if not told.get("column", "").isdecimal():
        return Span(line.start + len(text) - len(text.lstrip()), line.start + len(text.rstrip()))
    start = min(line.start + max(0, int(told["column"]) - 1), line.end)
    if told.get("end_column", "").isdecimal():
        end_line = document.line_span(_line(told.get("end_line", told["line"]), document))
        end = min(end_line.start + max(0, int(told["end_column"]) - 1), end_line.end)
        return Span(start, max(start, end))
    word = _WORD.match(document.text, start, line.end)
    return Span(start, word.end() if word else start)


def _line(told: str, document: Document) -> int:
    number = int(told) if told.isdecimal() else 1
    return min(max(0, number - 1), document.lines.n_lines - 1)
