"""Whether an edit removes a problem and makes none: said by the checkers, about a copy of the text."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devstral_ls.checkers import Checker, Comparison, Problem, Topic, compare, quoted_in, span_after, topic_of
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.logical_lines import logical_lines
from devstral_ls.text import Document, Edit, Span, apply_edits

_LOGGER = logging.getLogger(__name__)
# How a line is masked: what stays of it, so that the lines around it still parse.
_MASKS = {"else": "else:", "elif": "if True:", "except": "except Exception:", "finally": "finally:", "try": "try:"}
_MASKS |= {"match": "match 0:", "case": "case _:"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one checker says about the text before any edit."""

    checker: Checker
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """One version of a text and all that was wrong with it; candidates are measured against it."""

    document: Document
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for finding in self.findings for problem in finding.problems)

    @property
    def mistakes(self) -> tuple[Problem, ...]:
        """The problems of this text, without those that another checker has said of the same place."""
        found: dict[tuple[Topic | str, Span], Problem] = {}
        for problem in self.problems:
            if problem.is_elsewhere:
                continue
            topic = topic_of(problem)
            found.setdefault((problem.code if topic is Topic.OTHER else topic, problem.span), problem)
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict about one candidate; `reason` says in a few words why it is not proven."""

    is_proven: bool
    reason: str = ""
    checked_by: tuple[str, ...] = ()
    n_left: int = 0  # older problems that stay on the edited lines: another candidate may remove them too
    n_shown: int = 0  # older problems that were hidden behind a syntax error and are seen now


def examine(document: Document, checkers: Sequence[Checker]) -> Baseline:
    """Ask every checker about the text as it is; one that fails takes no part."""
    findings: list[Finding] = []
    for checker in checkers:
        if not checker.speaks(document.language_id):
            continue
        try:
            findings.append(Finding(checker, tuple(checker.check(document))))
        except CheckerFailed as error:
            _LOGGER.warning("checking without %s: %s", checker.name, error)
    return Baseline(document, tuple(findings))


def seen_as(problem: Problem, baseline: Baseline) -> list[Problem]:
    """What our checkers call the problem that somebody reported: the same topic or code at the same place."""
    topic = topic_of(problem)
    return [
        seen
        for seen in baseline.problems
        if _meet(seen.span, problem.span)
        and (seen.code == problem.code or (topic is not Topic.OTHER and topic is topic_of(seen)))
    ]


def keeps_clean(baseline: Baseline, edits: Sequence[Edit]) -> Proof:
    """For a text that is merely written on: proven if nothing new is wrong."""
    return _judged(baseline, (), edits)


def prove(baseline: Baseline, problem: Problem, edits: Sequence[Edit]) -> Proof:
    """Apply `edits` to a copy and compare: proven if the problem is gone and nothing new is there."""
    targets = seen_as(problem, baseline)
    if not targets:
        return Proof(is_proven=False, reason="no checker sees this problem")
    return _judged(baseline, targets, edits)


def _judged(baseline: Baseline, targets: Sequence[Problem], edits: Sequence[Edit]) -> Proof:
    """Ask each checker that has seen the old text about the new one."""
    if not baseline.findings:
        return Proof(is_proven=False, reason="no checker answers")
    shadow = replace(baseline.document, text=apply_edits(baseline.document.text, edits))
    n_left = n_shown = 0
    try:
        for finding in baseline.findings:
            after = finding.checker.check(shadow)
            reason = _objection(finding, targets, after, shadow, edits)
            if reason:
                return Proof(is_proven=False, reason=reason)
            n_left += sum(_is_near(each, edits, shadow) for each in after)
            n_shown += len(compare(finding.problems, after, edits).new)
    except CheckerFailed as error:
        return Proof(is_proven=False, reason=str(error))
    judges = tuple(finding.checker.name for finding in baseline.findings)
    return Proof(is_proven=True, checked_by=judges, n_left=n_left, n_shown=n_shown)


def _objection(
    finding: Finding,
    targets: Sequence[Problem],
    after: list[Problem],
    shadow: Document,
    edits: Sequence[Edit],
) -> str:
    """Why one checker does not accept the edits; empty when it does."""
    comparison = compare(finding.problems, after, edits)
    kept = next((target for target in targets if target in comparison.kept), None)
    if kept is not None:
        return f"{kept.code} is still there"
    new = _unexplained(comparison, finding, shadow, edits)
    return f"new: {new[0].code} {new[0].message.splitlines()[0]}" if new else ""


def _unexplained(
    comparison: Comparison,
    finding: Finding,
    shadow: Document,
    edits: Sequence[Edit],
) -> list[Problem]:
    """The new problems that were not merely hidden behind the syntax error that is now gone."""
    new = list(comparison.new)
    was_blind = any(topic_of(problem) is Topic.SYNTAX for problem in comparison.gone)
    if (
        shadow.language_id != "python"
        or not new
        or not was_blind
        or any(topic_of(problem) is Topic.SYNTAX for problem in new)
    ):
        return new
    edited = _edited_lines(shadow.text, edits)
    text, masks = _masked(shadow.text, edited)
    without_the_lines = finding.checker.check(replace(shadow, text=text))
    unexplained = compare(without_the_lines, new, _back(masks)).new
    return [problem for problem in new if problem in unexplained or _comes_from(problem, edited, shadow.text)]


def _comes_from(problem: Problem, lines: Sequence[Span], text: str) -> bool:
    """Whether a problem stands on one of the lines, or is about a name that they hold."""
    if any(line.overlaps(problem.span) for line in lines):
        return True
    written = " ".join(line.of(text) for line in lines)
    return topic_of(problem) is Topic.NAME and any(name in written for name in quoted_in(problem.message))


def _is_near(problem: Problem, edits: Sequence[Edit], shadow: Document) -> bool:
    """Whether a problem stands on a line that the edits touched."""
    lines = shadow.lines
    places = [span_after(edit.span, edits) for edit in edits]
    first, last = lines.line_of(problem.span.start), lines.line_of(problem.span.end)
    return any(lines.line_of(place.start) <= last and first <= lines.line_of(place.end) for place in places)


def _edited_lines(text: str, edits: Sequence[Edit]) -> list[Span]:
    """The logical lines of the new text that hold an edit."""
    places = [span_after(edit.span, edits) for edit in edits]
    return [line for line in logical_lines(text) if any(_meet(line, place) for place in places)]


def _masked(text: str, lines: Sequence[Span]) -> tuple[str, list[Edit]]:
    """`text` with each of the logical `lines` replaced by one that says nothing."""
    masks = [Edit(line, _mask(line.of(text))) for line in lines]
    return apply_edits(text, masks), masks


def _mask(line: str) -> str:
    if not line.rstrip().endswith(":"):
        return "pass"
    keyword = line.split(":", 1)[0].split(" ", 1)[0].strip()
    return _MASKS.get(keyword, "if True:")


def _back(masks: Sequence[Edit]) -> list[Edit]:
    """Edits with the shape of the way from the masked text to the unmasked one."""
    back: list[Edit] = []
    shift = 0
    for mask in masks:
        start = mask.span.start + shift
        back.append(Edit(Span(start, start + len(mask.new_text)), " " * len(mask.span)))
        shift += len(mask.new_text) - len(mask.span)
    return back


def _meet(a: Span, b: Span) -> bool:
    return a.start <= b.end and b.start <= a.end
