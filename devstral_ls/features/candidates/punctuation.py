"""A text that does not parse: the one bracket, colon, comma, quote or keyword that was left out, doubled or misspelt.

Edits are thought of around the place where the parser gave up and around every bracket without a partner.
Python's parser on the few lines around sorts out nearly all of them in milliseconds; the checkers see only the rest.
"""

import builtins
import itertools
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.candidates.pieces import COMPOUND_OR_SOFT, Piece, first_word, pieces_around, tokens_of
from devstral_ls.features.similarity import nearest
from devstral_ls.text import Edit, Span

TOPICS = frozenset({Topic.SYNTAX})
_MAX_PIECES = 8
_MAX_PARSED = 400  # tries for one piece, the cheapest first
_MAX_FOUND = 8  # of one piece
_MAX_CANDIDATES = 16
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_OPENERS = {closer: opener for opener, closer in _CLOSERS.items()}
_N_TOKENS_NEAR = 6
_BETWEEN_VALUES = frozenset({"and", "or", "if", "else", "for", "in", "is", "not", "==", "!=", "<", ">", ".", "+", "-"})


@dataclass(frozen=True, slots=True)
class _Try:
    cost: float
    edit: Edit
    title: str


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `def area(self)` and a block. After: `def area(self):`."""
    found: dict[Edit, _Try] = {}
    broken = (piece for piece in pieces_around(case.document, case.problem.span.start) if not piece.parses())
    for piece in itertools.islice(broken, _MAX_PIECES):
        tries = sorted(_tries(piece), key=lambda each: each.cost)[:_MAX_PARSED]
        good = (each for each in tries if piece.parses_after(each.edit))
        for each in itertools.islice(good, _MAX_FOUND):
            found.setdefault(each.edit, each)
    for each in sorted(found.values(), key=lambda each: each.cost)[:_MAX_CANDIDATES]:
        yield replace_one(each.edit.span, each.edit.new_text, each.title, each.cost, "punctuation")


def _tries(piece: Piece) -> Iterator[_Try]:
    tokens = tokens_of(piece)
    unclosed, unopened = _without_partner(tokens, piece.document.text)
    for index in unclosed:
        yield from _close(piece, tokens, index)
    for index in unopened:
        yield from _open(piece, tokens, index)
    nearest_index = min(range(len(tokens)), key=lambda at: abs(tokens[at].start - piece.error), default=0)
    for index, token in enumerate(tokens):
        if _ends_line(piece, tokens, index):
            yield from _at_line_end(piece, token)
        if abs(index - nearest_index) <= _N_TOKENS_NEAR:
            yield from _near_error(piece, token)
        yield from _keyword(piece, token)
        yield from _close_string(piece, tokens, index)


def _without_partner(tokens: list[Span], text: str) -> tuple[list[int], list[int]]:
    """The indexes of the opening and of the closing brackets that have no partner."""
    waiting: list[int] = []
    unopened: list[int] = []
    for index, token in enumerate(tokens):
        word = token.of(text)
        if word in _CLOSERS:
            waiting.append(index)
        elif word in _OPENERS and waiting and tokens[waiting[-1]].of(text) == _OPENERS[word]:
            waiting.pop()
        elif word in _OPENERS:
            unopened.append(index)
    return waiting, unopened


def _close(piece: Piece, tokens: list[Span], opener: int) -> Iterator[_Try]:
    """Close a bracket somewhere behind it, best at the end of a line or before its colon; or do without it."""
    text = piece.document.text
    word = tokens[opener].of(text)
    for index in range(opener, len(tokens)):
        at = tokens[index].end
        likely = _likely_end(piece, tokens, index)
        n_lines = text.count("\n", tokens[opener].start, at)
        cost = 0.8 - likely + 0.1 * n_lines + 0.2 * _far(piece, at)
        yield _Try(cost, _insert(at, _CLOSERS[word]), f"close the {word}")
    yield _Try(1.0 + _far(piece, tokens[opener].start), Edit(tokens[opener], ""), f"remove the {word}")


def _likely_end(piece: Piece, tokens: list[Span], index: int) -> float:
    """How much speaks for a bracket that ends behind this token."""
    text = piece.document.text
    following = tokens[index + 1].of(text) if index + 1 < len(tokens) else ""
    if tokens[index].of(text) in (",", ".", "=", ":"):
        return -0.2
    if following in (":", ",", *_OPENERS):
        return 0.3
    if _ends_line(piece, tokens, index):
        return 0.35
    return 0.15 if following in _BETWEEN_VALUES else 0.0


def _open(piece: Piece, tokens: list[Span], closer: int) -> Iterator[_Try]:
    """Open a bracket somewhere before it, also inside a name that swallowed it; or do without it."""
    text = piece.document.text
    word = tokens[closer].of(text)
    opener = _OPENERS[word]
    known = _words(text)
    for index in range(closer + 1):
        at = tokens[index].start
        is_glued = 0 < index and tokens[index - 1].end == at and text[at - 1].isidentifier()
        yield _Try(0.9 - 0.3 * is_glued + _far(piece, at), _insert(at, opener), f"open the {word}")
        if index < closer and tokens[index].of(text) != ":" and _ends_line(piece, tokens, index):
            end = tokens[index].end
            yield _Try(0.7 + _far(piece, end), _insert(end, opener), f"open the {word}")
        for split in _splits(tokens[index].of(text), known):
            yield _Try(0.6 + _far(piece, at), _insert(at + split, opener), f"open the {word}")
    yield _Try(0.75 + _far(piece, tokens[closer].start), Edit(tokens[closer], ""), f"remove the {word}")
    for other in _OPENERS:
        if other != word:
            cost = 0.8 + _far(piece, tokens[closer].start)
            yield _Try(cost, Edit(tokens[closer], other), f"{word} → {other}")


def _splits(word: str, known: frozenset[str]) -> Iterator[int]:
    """Where a word falls into two that the text knows: `printx` is `print` and `x`."""
    if not word.isidentifier():
        return
    for at in range(1, len(word)):
        left, right = word[:at], word[at:]
        if left in known and (right.isdigit() or right in known):
            yield at


@lru_cache(maxsize=4)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d]\w*", text)) | frozenset(dir(builtins))


def _at_line_end(piece: Piece, token: Span) -> Iterator[_Try]:
    line = piece.document.line_text(piece.document.lines.line_of(token.start))
    if first_word(line) in COMPOUND_OR_SOFT and token.of(piece.document.text) != ":":
        yield _Try(0.3 + _far(piece, token.end), _insert(token.end, ":"), "add the colon")


def _near_error(piece: Piece, token: Span) -> Iterator[_Try]:
    word, far = token.of(piece.document.text), _far(piece, token.end)
    yield _Try(0.95 + far, _insert(token.end, ","), "add the comma")
    yield _Try(0.9 + far, _insert(token.end, ":"), "add the colon")
    yield _Try(1.1 + far, _insert(token.end, "."), "add the dot")
    if word == "=":
        yield _Try(0.9 + far, Edit(token, "=="), "compare with ==")
    if word in ",:.;" or word in _CLOSERS or word in _OPENERS:
        yield _Try(1.0 + far, Edit(token, ""), f"remove the {word}")


def _keyword(piece: Piece, token: Span) -> Iterator[_Try]:
    word = token.of(piece.document.text)
    if word.isidentifier() and not keyword.iskeyword(word):
        for other, n_slips in _keywords_near(word):
            yield _Try(0.3 + 0.4 * n_slips + _far(piece, token.start), Edit(token, other), f"{word} → {other}")


@lru_cache(maxsize=4096)
def _keywords_near(word: str) -> tuple[tuple[str, int], ...]:
    return tuple(nearest(word, (*keyword.kwlist, "match", "case"), max_names=2))


def _close_string(piece: Piece, tokens: list[Span], index: int) -> Iterator[_Try]:
    """End a string that its line leaves open; the words behind the quote stand as tokens of their own."""
    text = piece.document.text
    for token in reversed(tokens[: index + 1]):
        if "\n" in text[token.start : tokens[index].start]:
            return
        quote = token.of(text).lstrip("rbfuRBFU")
        if quote in ("'", '"'):
            likely = 0.3 * _ends_line(piece, tokens, index)
            at = tokens[index].end
            yield _Try(0.7 - likely + _far(piece, at), _insert(at, quote), "close the string")
            return


def _ends_line(piece: Piece, tokens: list[Span], index: int) -> bool:
    if index + 1 == len(tokens):
        return True
    return "\n" in piece.document.text[tokens[index].end : tokens[index + 1].start]


def _far(piece: Piece, at: int) -> float:
    """The distance from the error as a part of the cost: enough to choose between equals."""
    n_lines = piece.document.text.count("\n", min(at, piece.error), max(at, piece.error))
    return 0.002 * min(abs(piece.error - at), 100) + 0.02 * min(n_lines, 10)


def _insert(at: int, new_text: str) -> Edit:
    return Edit(Span(at, at), new_text)
