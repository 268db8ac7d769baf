"""Which problems an edit removed, kept and made."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from devstral_ls.checkers.problem import Problem
from devstral_ls.text import Edit, Span


@dataclass(frozen=True, slots=True)
class Comparison:
    """Problems before and after an edit; `gone` and `kept` speak of the old text, `new` of the new one."""

    gone: tuple[Problem, ...]
    kept: tuple[Problem, ...]
    new: tuple[Problem, ...]


def compare(before: Sequence[Problem], after: Sequence[Problem], edits: Sequence[Edit]) -> Comparison:
    """Pair problems of the same identity that stand at the same place, or that both touch the edit."""
    waiting: dict[tuple[str, str, str], list[Problem]] = defaultdict(list)
    for problem in after:
        waiting[problem.identity].append(problem)
    gone: list[Problem] = []
    kept: list[Problem] = []
    for problem in before:
        same = _same_place(problem, waiting[problem.identity], edits)
        if same is None:
            gone.append(problem)
        else:
            kept.append(problem)
            waiting[problem.identity].remove(same)
    new = sorted((problem for left in waiting.values() for problem in left), key=lambda problem: problem.span)
    return Comparison(tuple(gone), tuple(kept), tuple(new))


def span_after(span: Span, edits: Sequence[Edit]) -> Span:
    """Where `span` of the old text lies in the new one; it grows over an edit that cuts its edge."""
    start, end = span.start, span.end
    for edit in edits:
        shift = len(edit.new_text) - len(edit.span)
        if edit.span.end <= span.start:
            start, end = start + shift, end + shift
        elif edit.span.start < span.end:
            start -= max(0, span.start - edit.span.start)
            end += shift + max(0, edit.span.end - span.end)
    return Span(max(0, start), max(0, start, end))


def _same_place(problem: Problem, candidates: Sequence[Problem], edits: Sequence[Edit]) -> Problem | None:
    """The one of `candidates` that is `problem` after the edits."""
    if problem.is_elsewhere:
        return next(iter(candidates), None)
    expected = span_after(problem.span, edits)
    for candidate in candidates:
        if candidate.span == expected:
            return candidate
    if not any(_touches(edit.span, problem.span) for edit in edits):
        return None
    return next((candidate for candidate in candidates if _touches(candidate.span, expected)), None)


def _touches(a: Span, b: Span) -> bool:
    return a.start <= b.end and b.start <= a.end
