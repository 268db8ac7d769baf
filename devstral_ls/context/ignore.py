"""Which files git would ignore, by the rules of gitignore(5), and those of `.devstralignore` on top.

Tested against `git check-ignore`. Left out on purpose: the user's global ignore file, which is not the project's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

IGNORE_FILES = (".gitignore", ".devstralignore")
MAX_IGNORE_FILE_BYTES = 1_000_000

_POSIX_CLASSES = {
    "alpha": "A-Za-z", "digit": "0-9", "alnum": "A-Za-z0-9", "upper": "A-Z", "lower": "a-z",
    "space": r"\s", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f", "blank": r" \t",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file."""

    pattern: re.Pattern[str]
    is_negated: bool
    only_folders: bool
    matches_name: bool  # against the last part of a path, not the whole


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one folder, the last line first: it has the last word."""

    folder: str  # relative to the root, empty or with a slash at its end
    rules: tuple[Rule, ...]

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Whether these rules ignore `path`, or None when they say nothing about it."""
        below = path.removeprefix(self.folder)
        name = below.rpartition("/")[2]
        for rule in self.rules:
            if rule.only_folders and not is_folder:
                continue
            if rule.pattern.fullmatch(name if rule.matches_name else below):
                return not rule.is_negated
        return None


def read_rules(file: Path, folder: str) -> Rules:
    """The rules of the ignore file of `folder`; none of a file that cannot be read."""
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_IGNORE_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        text = ""
    return parse_rules(text, folder)


def parse_rules(text: str, folder: str = "") -> Rules:
    """The rules of one ignore file that lies in `folder`."""
    parsed = (_parse(line.removesuffix("\r")) for line in text.removeprefix("\ufeff").split("\n"))
    return Rules(folder, tuple(rule for rule in parsed if rule is not None)[::-1])


def is_ignored(path: str, chain: Sequence[Rules], *, is_folder: bool) -> bool:
    """Whether a file or folder, none of whose parents is ignored, is; `chain` goes from the root down."""
    for rules in reversed(chain):
        verdict = rules.verdict(path, is_folder=is_folder)
        if verdict is not None:
            return verdict
    return False


def _parse(line: str) -> Rule | None:
    if line.startswith("#"):
        return None
    pattern = _without_trailing_spaces(line)
    is_negated = pattern.startswith("!")
    pattern = pattern[is_negated:]
    only_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    matches_name = "/" not in pattern
    expression = _expression(pattern.removeprefix("/"))
    if not pattern or expression is None:
        return None
    return Rule(re.compile(expression, re.DOTALL), is_negated, only_folders, matches_name)


def _without_trailing_spaces(line: str) -> str:
    """Spaces at the end count only when they are escaped."""
    end = index = 0
    while index < len(line):
        index += 2 if line[index] == "\\" else 1
        if line[min(index, len(line)) - 1] != " " or line[max(index - 2, 0)] == "\\":
            end = index
    return line[:end]


def _expression(pattern: str) -> str | None:
    """The regular expression of a pattern, or None for one that can never match."""
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        translated = _next_part(pattern, index)
        if translated is None:
            return None
        part, index = translated
        parts.append(part)
    return "".join(parts)


def _next_part(pattern: str, index: int) -> tuple[str, int] | None:
    """The expression of what starts at `index`, and where the next part starts."""
    character = pattern[index]
    if character == "*":
        return _stars(pattern, index)
    if character == "?":
        return "[^/]", index + 1
    if character == "[":
        return _character_class(pattern, index)
    if character == "\\":
        return (re.escape(pattern[index + 1]), index + 2) if index + 1 < len(pattern) else None
    return re.escape(character), index + 1


def _stars(pattern: str, index: int) -> tuple[str, int]:
    """One star stays within a folder; two that fill a whole part of the path cross folders."""
    end = index
    while end < len(pattern) and pattern[end] == "*":
        end += 1
    starts_part = index == 0 or pattern[index - 1] == "/"
    if end - index != 2 or not starts_part:
        return "[^/]*", end
    if end == len(pattern):
        return ".*" if index == 0 else ".+", end
    if pattern[end] == "/":
        return "(?:.*/)?", end + 1
    return "[^/]*", end


def _character_class(pattern: str, index: int) -> tuple[str, int] | None:
    """`[a-z]` and its like; an open one never matches, and none matches a slash."""
    index += 1
    is_negated = pattern[index : index + 1] in ("!", "^")
    index += is_negated
    members: list[str] = []
    is_first = True
    while index < len(pattern):
        if pattern[index] == "]" and not is_first:
            listed = "".join(members)
            return (f"(?![{listed}]|/)." if is_negated else f"(?!/)[{listed}]"), index + 1
        found = _class_member(pattern, index)
        if found is None:
            return None
        member, index = found
        members.append(member)
        is_first = False
    return None


def _class_member(pattern: str, index: int) -> tuple[str, int] | None:
    """One character, range or named class inside brackets."""
    if pattern.startswith("[:", index):
        name, colon, _ = pattern[index + 2 :].partition(":]")
        if colon:
            known = _POSIX_CLASSES.get(name)
            return (known, index + len(name) + 4) if known is not None else None
    first, index = _class_character(pattern, index)
    if first is None:
        return None
    is_range = pattern[index : index + 1] == "-" and index + 1 < len(pattern) and pattern[index + 1] != "]"
    if not is_range:
        return re.escape(first), index
    last, index = _class_character(pattern, index + 1)
    if last is None:
        return None
    # Of a range that runs backwards git matches its first character.
    return (f"{re.escape(first)}-{re.escape(last)}" if first <= last else re.escape(first)), index


def _class_character(pattern: str, index: int) -> tuple[str | None, int]:
    if pattern[index] != "\\":
        return pattern[index], index + 1
    return (pattern[index + 1], index + 2) if index + 1 < len(pattern) else (None, index)
