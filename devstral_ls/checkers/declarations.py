"""The setting `checkers` as declarations: what is wrong in it is said in one line each and left out."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devstral_ls.checkers.declared import Declaration, Input
from devstral_ls.checkers.reports import FACTS, JsonLines, Lines, Reader

_KEYS = ("name", "languages", "command", "input", "pattern", "json", "deadline_ms")
_REQUIRED = ("name", "languages", "command")
_MIN_DEADLINE_MS, _MAX_DEADLINE_MS = 50, 120_000


def declarations_of(given: Sequence[Mapping[str, Any]]) -> tuple[tuple[Declaration, ...], list[str]]:
    """The declarations that can be used, and one line for each that cannot."""
    found: list[Declaration] = []
    problems: list[str] = []
    for number, each in enumerate(given, 1):
        problem = _problem(each)
        if problem is None:
            found.append(_declaration(each))
        else:
            name = each.get("name")
            problems.append(f"checker {name if isinstance(name, str) and name else number}: {problem}; it is left out")
    return tuple(found), problems


def _declaration(each: Mapping[str, Any]) -> Declaration:
    return Declaration(
        name=each["name"],
        languages=tuple(each["languages"]),
        command=tuple(each["command"]),
        reader=_reader(each),
        input=Input(each.get("input", Input.FILE)),
        deadline_ms=each.get("deadline_ms", 30_000),
    )


def _reader(each: Mapping[str, Any]) -> Reader:
    if "pattern" in each:
        return Lines(re.compile(each["pattern"], re.MULTILINE))
    return JsonLines(tuple((fact, tuple(path.split("."))) for fact, path in each["json"].items()))


def _problem(each: Mapping[str, Any]) -> str | None:
    """The first thing that is wrong with a declaration."""
    unknown = next((key for key in each if key not in _KEYS), None)
    if unknown is not None:
        return f"unknown key {unknown!r}; known are {', '.join(_KEYS)}"
    missing = next((key for key in _REQUIRED if not each.get(key)), None)
    if missing is not None:
        return f"{missing!r} is missing"
    wrong = next((key for key, is_right in _CHECKS.items() if key in each and not is_right(each[key])), None)
    if wrong is not None:
        return f"{wrong!r} must be {_WORDS[wrong]}"
    if ("pattern" in each) == ("json" in each):
        return "one of 'pattern' and 'json' says how its output is read"
    return _problem_of_pattern(each["pattern"]) if "pattern" in each else None


def _problem_of_pattern(pattern: str) -> str | None:
    try:
        groups = re.compile(pattern, re.MULTILINE).groupindex
    except re.error as error:
        return f"'pattern' is no regular expression: {error}"
    foreign = next((name for name in groups if name not in FACTS), None)
    if foreign is not None:
        return f"'pattern' has a group {foreign!r}; known are {', '.join(FACTS)}"
    return None if "line" in groups else "'pattern' has no group named 'line'"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(_is_text(each) for each in value)


def _are_paths(value: Any) -> bool:
    if not isinstance(value, Mapping) or "line" not in value:
        return False
    return all(fact in FACTS and _is_text(path) for fact, path in value.items())


def _is_deadline(value: Any) -> bool:
    return type(value) is int and _MIN_DEADLINE_MS <= value <= _MAX_DEADLINE_MS


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "name": _is_text,
    "languages": _are_texts,
    "command": _are_texts,
    "input": lambda value: value in tuple(Input),
    "pattern": _is_text,
    "json": _are_paths,
    "deadline_ms": _is_deadline,
}
_WORDS = {
    "name": "a text",
    "languages": "a list of language identifiers",
    "command": "a list of texts, the program first",
    "input": f"one of {', '.join(Input)}",
    "pattern": "a regular expression",
    "json": f"an object with 'line' and others of {', '.join(FACTS)}, each a path such as 'spans.0.line'",
    "deadline_ms": f"a whole number from {_MIN_DEADLINE_MS} to {_MAX_DEADLINE_MS}",
}
