"""Brackets and strings of source text, read from left to right; broken code reads as well as whole code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_PYTHON_TOKEN = re.compile(r"\\(?:\r\n|.)|\"\"\"|'{3}|[\"'#()\[\]{}]|\r\n|\r|\n", re.DOTALL)
_OTHER_TOKEN = re.compile(r"\\(?:\r\n|.)|//|[\"'`()\[\]{}]|\r\n|\r|\n", re.DOTALL)
_LINE_COMMENTS = ("#", "//")
_STRINGS = ('"""', "'''", '"', "'", "`")
_QUOTED_TOKEN = {quote: re.compile(rf"\\(?:\r\n|.)|{quote}|\r\n|\r|\n", re.DOTALL) for quote in _STRINGS} | {
    mark: re.compile(r"\r\n|\r|\n") for mark in _LINE_COMMENTS
}
_ENDS_WITH_LINE = frozenset({'"', "'", *_LINE_COMMENTS})
_BREAKS = frozenset({"\n", "\r", "\r\n"})
_TOP_LEVEL = re.compile(r"^(?:def|class|async|@|import|from|func|fn|pub|function|export|const)\b", re.MULTILINE)
_MAX_CHARACTERS = 20_000  # how far back a statement may begin


@dataclass(frozen=True, slots=True)
class Nesting:
    """What is open at one point of a text."""

    closers: str = ""  # what would close the open brackets, outermost first
    quote: str = ""  # the delimiter of the open string, or the mark of the open comment
    is_broken: bool = False  # some bracket closed what was not open

    @property
    def depth(self) -> int:
        return len(self.closers)


OUTSIDE = Nesting()


def nesting(text: str, start: Nesting = OUTSIDE, language_id: str = "python") -> Nesting:
    """What is open at the end of `text`, when `start` is what was open before it."""
    states = [state for _, state in _states(text, start, language_id)]
    return states[-1] if states else start


def nesting_before(text: str, language_id: str = "python") -> Nesting:
    """What is open at the end of a document's beginning, read from its last top-level statement on."""
    return nesting(text[last_top_level(text) :], OUTSIDE, language_id)


def last_top_level(text: str) -> int:
    """Where the last statement at the left margin of `text` starts; at most 20,000 characters before its end."""
    window_start = max(0, len(text) - _MAX_CHARACTERS)
    starts = [match.start() for match in _TOP_LEVEL.finditer(text, window_start)]
    return starts[-1] if starts else window_start


def next_top_level(text: str, offset: int) -> int:
    """Where the first statement at the left margin behind `offset` starts, or the end of `text`."""
    match = _TOP_LEVEL.search(text, offset + 1, offset + _MAX_CHARACTERS)
    return match.start() if match else min(len(text), offset + _MAX_CHARACTERS)


def line_ends(
    text: str, start: Nesting = OUTSIDE, language_id: str = "python", *, rest: Nesting | None = None
) -> Iterator[int]:
    """Offsets of the line breaks where no more is open than in `rest`; without one, no more than at the start."""
    rest = rest or start
    for offset, state in _states(text, start, language_id):
        if text[offset] in "\r\n" and state.depth <= rest.depth and state.quote in {"", rest.quote}:
            yield offset


def _states(text: str, start: Nesting, language_id: str) -> Iterator[tuple[int, Nesting]]:
    """The state after each token that matters, with the token's offset."""
    code_token = _PYTHON_TOKEN if language_id == "python" else _OTHER_TOKEN
    state, offset = start, 0
    while (match := (_QUOTED_TOKEN[state.quote] if state.quote else code_token).search(text, offset)) is not None:
        state = _after(state, match.group())
        yield match.start(), state
        offset = match.end()


def _after(state: Nesting, token: str) -> Nesting:
    if state.quote:
        is_end = token == state.quote or (token in _BREAKS and state.quote in _ENDS_WITH_LINE)
        return Nesting(state.closers, "", state.is_broken) if is_end else state
    if token in _QUOTED_TOKEN:
        return Nesting(state.closers, token, state.is_broken)
    if token in _CLOSER_OF:
        return Nesting(state.closers + _CLOSER_OF[token], "", state.is_broken)
    if token not in {")", "]", "}"}:
        return state
    if state.closers.endswith(token):
        return Nesting(state.closers[:-1], "", state.is_broken)
    return Nesting(state.closers, "", is_broken=True)
