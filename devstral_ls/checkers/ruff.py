"""Ruff, from our own wheel and without anybody's configuration: Python's syntax, names and unused things."""

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Any

from ruff import find_ruff_bin

from devstral_ls.checkers.problem import OwnFix, Problem, Severity
from devstral_ls.checkers.process import answer_of
from devstral_ls.errors import CheckerFailed
from devstral_ls.text import Document, Edit, Span
from devstral_ls.trace import span

# Errors, not taste: what cannot run (E9), names (F), and certain mistakes (PLE).
_DEFAULT_RULES = ("E9", "F", "PLE")
_MAX_CHARACTERS = 2_000_000
_N_REMEMBERED = 16
_FORMAT_MS = 2000
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Ruff:
    """Checks one text with the given rules; measured at 10 ms for a file of 500 lines."""

    rules: tuple[str, ...] = _DEFAULT_RULES
    deadline_ms: float = 2000

    @property
    def name(self) -> str:
        return "ruff"

    def speaks(self, language_id: str) -> bool:
        return language_id == "python"

    def check(self, document: Document) -> list[Problem]:
        if document.language_id != "python":
            return []
        if _MAX_CHARACTERS < len(document.text):
            raise CheckerFailed(f"ruff is not asked about a text of {len(document.text)} characters")
        return list(_checked(self, document))

    def command(self, document: Document) -> list[str]:
        options = ["--isolated", "--no-cache", "--quiet", "--output-format=json", "--target-version=py314"]
        # The folder is withheld: only the file's own name means something to these rules.
        name = PurePosixPath(document.path or document.uri).name or "text.py"
        return [_binary(), "check", *options, f"--select={','.join(self.rules)}", f"--stdin-filename={name}", "-"]


def formatted(text: str) -> str:
    """A text in the form that ruff gives it when nobody has configured anything."""
    command = [_binary(), "format", "--isolated", "--no-cache", "--quiet", "--stdin-filename=text.py", "-"]
    return answer_of(command, text, deadline_ms=_FORMAT_MS)


@lru_cache(maxsize=_N_REMEMBERED)
def _checked(ruff: Ruff, document: Document) -> tuple[Problem, ...]:
    """Menus and hovers ask about the same text again and again."""
    with span("checkers.ruff"):
        answer = answer_of(ruff.command(document), document.text.removeprefix(_BOM), deadline_ms=ruff.deadline_ms)
    return tuple(_problems(answer, document))


@cache
def _binary() -> str:
    """The program of the installed wheel, never one of a workspace or of the PATH."""
    return str(find_ruff_bin())


def _problems(answer: str, document: Document) -> list[Problem]:
    try:
        found = [_problem(entry, document) for entry in json.loads(answer)]
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise CheckerFailed(f"ruff answered something unreadable: {type(error).__name__}") from error
    return sorted(found, key=lambda problem: problem.span)


def _problem(entry: dict[str, Any], document: Document) -> Problem:
    place = Span(_offset(entry["location"], document), _offset(entry["end_location"], document))
    is_syntax = entry["code"] in (None, "invalid-syntax")
    code = "invalid-syntax" if is_syntax else entry["code"]
    severity = Severity.ERROR if is_syntax or not code.startswith("W") else Severity.WARNING
    return Problem("ruff", code, entry["message"], place, severity, _own_fix(entry["fix"], document))


def _own_fix(fix: dict[str, Any] | None, document: Document) -> OwnFix | None:
    if fix is None or fix["applicability"] == "display":
        return None
    edits = tuple(
        Edit(Span(_offset(edit["location"], document), _offset(edit["end_location"], document)), edit["content"])
        for edit in fix["edits"]
    )
    return OwnFix(edits, fix["message"] or "", is_safe=fix["applicability"] == "safe")


def _offset(location: dict[str, int], document: Document) -> int:
    """Rows and columns count from 1; columns count characters and leave out a byte order mark."""
    row, column = location["row"] - 1, location["column"] - 1
    if row == 0 and document.text.startswith(_BOM):
        column += 1
    return min(document.lines.line_start(row) + column, len(document.text))
