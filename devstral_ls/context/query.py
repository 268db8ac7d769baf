"""What a place asks of the index: the names around the cursor, the classes around it and what the text imports."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devstral_ls.context.imports import Target
from devstral_ls.context.names import IDENTIFIER, as_class_name, words_of
from devstral_ls.context.outline import Kind, Outline
from devstral_ls.text import Place

# How far a name's weight falls off with its distance from the cursor, in lines.
_HALF_DISTANCE_LINES = 10
_AFTER_CURSOR = 0.8
N_NEAR_LINES = 60
_RECEIVER = re.compile(r"(?<!\w)(?!(?:self|cls)\b)([^\W\d]\w*)(?=\s*\.\s*[^\W\d])")
_ATTRIBUTE = re.compile(r"\.\s*([^\W\d]\w*)")
# A class after a colon, an arrow or an equals sign; after the last one only when it is called.
_TYPED = re.compile(r"[:>=]\s*[\"']?([A-Z]\w*)(\(?)")
_CHECKED = re.compile(r"(?:isinstance|cast)\([^)]*?([A-Z]\w*)")
_TYPED_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Query:
    """Everything about a place that the ranker looks at; names are weighted between 0 and 1."""

    path: str
    names: Mapping[str, int]  # of the whole text, and how often each occurs
    near: Mapping[str, float]  # names by their nearness to the cursor
    attributes: frozenset[str]  # names that the text uses after a dot
    receivers: Mapping[str, float]  # names before a dot by their nearness to the cursor
    receiver_types: Mapping[str, float]  # names in the signatures that such names have in the text itself
    hints: Mapping[str, float]  # class names that the names near the cursor suggest
    words: Mapping[str, float]  # words that the near names are made of
    bases: tuple[str, ...]  # base classes of the classes around the cursor, the innermost first
    targets: tuple[Target, ...]  # what the text imports
    libraries: frozenset[str]  # paths of those of them that are other people's code


def query_at(
    place: Place,
    outline: Outline,
    names: Mapping[str, int],
    targets: Sequence[Target],
    libraries: frozenset[str] = frozenset(),
) -> Query:
    """The query of a place in a text whose outline and names are known."""
    near = _near_names(place, IDENTIFIER)
    receivers = _near_names(place, _RECEIVER)
    return Query(
        path=place.document.path,
        names=names,
        near=near,
        attributes=frozenset(_ATTRIBUTE.findall(place.document.text)),
        receivers=receivers,
        receiver_types=_types(outline, receivers),
        hints=_hints(place, near),
        words=_near_words(near),
        bases=_enclosing_bases(outline, place.line),
        targets=tuple(targets),
        libraries=libraries,
    )


def _near_names(place: Place, pattern: re.Pattern[str]) -> dict[str, float]:
    """Names within reach of the cursor that a pattern finds; of several occurrences the nearest counts."""
    document, cursor_line = place.document, place.line
    near: dict[str, float] = {}
    first = max(0, cursor_line - N_NEAR_LINES)
    last = min(document.lines.n_lines, cursor_line + N_NEAR_LINES)
    for line in range(first, last):
        distance = abs(line - cursor_line)
        weight = 1 / (1 + distance / _HALF_DISTANCE_LINES) * (_AFTER_CURSOR if cursor_line < line else 1)
        for name in pattern.findall(document.line_text(line)):
            if near.get(name, 0) < weight:
                near[name] = weight
    return near


def _types(outline: Outline, receivers: Mapping[str, float]) -> dict[str, float]:
    """What the text declares these names with: `timing` and `Instant` in `start = timing.Instant()`."""
    types: dict[str, float] = {}
    for symbol in outline.symbols:
        weight = receivers.get(symbol.name)
        if weight is not None:
            for name in IDENTIFIER.findall(symbol.signature):
                if name != symbol.name:
                    types[name] = max(types.get(name, 0), weight)
    return types


def _hints(place: Place, near: Mapping[str, float]) -> dict[str, float]:
    """Classes that near names stand for: `query_set` hints at `QuerySet`, annotations and calls say it outright."""
    hints: dict[str, float] = {}
    for name, weight in near.items():
        for hint in {as_class_name(name), name}:
            hints[hint] = max(hints.get(hint, 0), weight)
    for name in _typed_names(place.document.text):
        hints[name] = max(hints.get(name, 0), _TYPED_WEIGHT)
    return hints


def _typed_names(text: str) -> set[str]:
    """The classes that a text says something is of."""
    typed = (
        match.group(1)
        for match in _TYPED.finditer(text)
        if match.group(2) or text[match.start()] == ":" or text[match.start() - 1 : match.start()] == "-"
    )
    return {*typed, *_CHECKED.findall(text)}


def _near_words(near: Mapping[str, float]) -> dict[str, float]:
    words: dict[str, float] = {}
    for name, weight in near.items():
        for word in words_of(name):
            words[word] = max(words.get(word, 0), weight)
    return words


def _enclosing_bases(outline: Outline, line: int) -> tuple[str, ...]:
    enclosing = [
        symbol
        for symbol in outline.symbols
        if symbol.kind == Kind.CLASS and symbol.first_line <= line <= symbol.last_line
    ]
    return tuple(base for symbol in reversed(enclosing) for base in symbol.bases)
