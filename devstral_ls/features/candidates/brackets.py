"""A text of another language than Python that does not parse: one bracket, semicolon or comma, left out or too many."""

import itertools
import re
from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.blocks import missing_brackets
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.text import Span, apply_edits

TOPICS = frozenset({Topic.SYNTAX})
_ORIGIN = "brackets"
_MARKS = ")]}({[;,:"
_MAX_PARSED = 160  # each parses the whole text
_N_LINES_ABOVE = 1
_MAX_FOUND = 8
_WORD = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `return [a, 1;`. After: `return [a, 1];`."""
    from devstral_ls.context.syntax import count_errors  # noqa: PLC0415  tree-sitter loads after start-up

    language_id = case.document.language_id
    n_errors = count_errors(case.text, language_id)
    tries = sorted((*_of_blocks(case), *_of_words(case), *_tries(case)), key=lambda each: each.cost)[:_MAX_PARSED]
    better = (each for each in tries if count_errors(apply_edits(case.text, each.edits), language_id) < n_errors)
    yield from itertools.islice(better, _MAX_FOUND)


def _of_blocks(case: Case) -> Iterator[Candidate]:
    """The indentation shows what was meant better than the place where the parser gives up."""
    for edit, bracket in missing_brackets(case.document):
        yield Candidate((edit,), f"add the {bracket}", 0.35, _ORIGIN)


def _of_words(case: Case) -> Iterator[Candidate]:
    """Two words that ran together where a bracket stood between them: `callnext)` for `call(next)`."""
    line = case.document.line_span(case.line)
    known = set(_WORD.findall(case.text[: line.start] + case.text[line.end :]))
    for match in _WORD.finditer(case.text, line.start, line.end):
        word = match.group()
        for at in range(1, len(word)) if word not in known else ():
            if word[:at] in known and (word[at:] in known or word[at:].isdecimal()):
                for rank, mark in enumerate("([" if word[at:] in known else "[("):
                    place = Span(match.start() + at, match.start() + at)
                    yield replace_one(place, mark, f"add the {mark}", 0.6 + 0.05 * rank, _ORIGIN)


def _tries(case: Case) -> Iterator[Candidate]:
    error = case.problem.span.start
    first = case.document.lines.line_start(max(0, case.line - _N_LINES_ABOVE))
    last = case.document.line_span(case.line).end
    for match in _TOKEN.finditer(case.text, first, last):
        token = Span(*match.span())
        far = 0.004 * min(abs(error - token.end), 100)
        is_last = not case.text[
            token.end : case.document.line_span(case.document.lines.line_of(token.start)).end
        ].strip()
        if match.group() in _MARKS:
            yield replace_one(token, "", f"remove the {match.group()}", 1.0 + far, _ORIGIN)
        for mark in _MARKS:
            cost = 1.0 - 0.2 * is_last + far
            yield replace_one(Span(token.end, token.end), mark, f"add the {mark}", cost, _ORIGIN)
