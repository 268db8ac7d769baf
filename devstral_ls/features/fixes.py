"""From a problem to the smallest edit that the checkers accept, and from a text to one without provable problems."""

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Checker, Problem, Project, Ruff, Topic, Ty, topic_of
from devstral_ls.features.candidates import Candidate, Case, candidates_for
from devstral_ls.features.python_tree import parse
from devstral_ls.features.verification import Baseline, Proof, examine, prove, seen_as
from devstral_ls.text import Document, Edit, Span, apply_edits
from devstral_ls.trace import span

_MAX_PROVED = 24  # candidates that one problem may put before the checkers
_MAX_FIXES = 100  # in one text, on save
_STEP_MS = 100  # what a step that has begun may still take when the budget of a save is used
# On save another proven candidate this near in cost means that we do not know which one was meant.
_CERTAIN_MARGIN = 0.35
# Dearer candidates undo more than a slip of the keyboard.
_CERTAIN_COST = 1.5
# How much less likely a candidate may be that leaves fewer problems on its lines.
_SEARCH_MARGIN = 0.6
# What has one meaning; unused code may be code that is still being written.
_CLEAR_TOPICS = frozenset(Topic) - {Topic.UNUSED, Topic.OTHER, Topic.RETURN, Topic.ARGUMENT_MISSING, Topic.PLACE}

# A source of candidates that may take its time, such as a model.
Propose = Callable[[Case], Iterator[Candidate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a fix may use: who judges, what else is known, and who else proposes.

    `programs` also judge, but take their time: they are asked when somebody waits for one answer, never for a menu.
    """

    checkers: tuple[Checker, ...]
    programs: tuple[Checker, ...] = ()
    neighbours: Sequence[Document] = ()
    types: Ty | None = None
    propose: Propose | None = None
    project: Project | None = None
    deadline_ms: float = 3000

    @property
    def judges(self) -> tuple[Checker, ...]:
        """Everybody who may be asked, the quick ones first."""
        return (*self.checkers, *self.programs)

    def programs_for(self, language_id: str) -> tuple[Checker, ...]:
        return tuple(each for each in self.programs if each.speaks(language_id))


@dataclass(frozen=True, slots=True)
class Fix:
    """A proven candidate, and how long it took to find and prove it."""

    candidate: Candidate
    problem: Problem
    proof: Proof
    elapsed_ms: float

    @property
    def edits(self) -> tuple[Edit, ...]:
        return self.candidate.edits

    @property
    def title(self) -> str:
        """What was wrong, what changes and who says that it is right now."""
        judges = " and ".join(self.proof.checked_by)
        subject = self.problem.message.splitlines()[0].replace("`", "'")
        return f"Fix: {subject}: {self.candidate.title} · verified by {judges}, {self.elapsed_ms:.0f} ms"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text after all certain fixes; `document` is the old one where there was none."""

    original: str
    document: Document
    fixes: tuple[Fix, ...]
    left: tuple[Problem, ...]  # wanted, but not certain or not reached
    is_complete: bool  # the budget was enough to look at everything

    @property
    def text(self) -> str:
        return self.document.text


def find_fix(document: Document, problem: Problem, tools: Tools, cancel: CancelToken) -> Fix | None:
    """The cheapest proven fix of a problem, or None when there is none before the deadline."""
    start_s = time.monotonic()
    with span("features.fix"):
        baseline = examine(document, _checkers_for(problem, tools.checkers))
        until_s = start_s + tools.deadline_ms / 1000
        return _best(_proven(baseline, problem, tools, cancel, until_s, margin=_SEARCH_MARGIN))


def fix_everything(
    document: Document,
    tools: Tools,
    cancel: CancelToken,
    *,
    budget_ms: float,
    wanted: Callable[[Problem], bool] | None = None,
) -> Cleaned:
    """Apply certain fixes until there are no more or the budget is used; what is doubtful stays as it is."""
    wanted, original = wanted or is_clear, document.text
    until_s = time.monotonic() + max(0.0, budget_ms - _STEP_MS) / 1000
    fixes: list[Fix] = []
    refused: set[tuple[str, str, str, int]] = set()
    baseline = examine(document, tools.checkers)
    problem: Problem | None = None
    while len(fixes) < _MAX_FIXES and time.monotonic() < until_s:
        problem = next((each for each in _in_order(baseline) if wanted(each) and _key(each) not in refused), None)
        if problem is None:
            break
        fix = _certain(baseline, problem, tools, cancel, until_s)
        if fix is None:
            refused.add(_key(problem))
        else:
            fixes.append(fix)
            document = replace(document, text=apply_edits(document.text, fix.edits))
            baseline = examine(document, tools.checkers)
            refused.clear()
    left = tuple(each for each in baseline.mistakes if wanted(each))
    return Cleaned(original, document, tuple(fixes), left, is_complete=problem is None)


def is_clear(problem: Problem) -> bool:
    """Whether a problem is of a kind that has one meaning."""
    return topic_of(problem) in _CLEAR_TOPICS


def line_edits(old: str, new: str) -> list[Edit]:
    """Edits of whole lines that turn `old` into `new`, so that what did not change keeps its marks and folds."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    return [
        Edit(Span(starts[i1], starts[i2]), "".join(after[j1:j2]))
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if tag != "equal"
    ]


def _best(proven: Iterator[Fix]) -> Fix | None:
    """The first one that leaves nothing wrong; else the one that leaves least on its lines, then elsewhere."""
    best: Fix | None = None
    for fix in proven:
        if best is None or _rest(fix) < _rest(best):
            best = fix
        if _rest(fix) == (0, 0):
            break
    return best


def _rest(fix: Fix) -> tuple[int, int]:
    return fix.proof.n_left, fix.proof.n_shown


def _certain(
    baseline: Baseline,
    problem: Problem,
    tools: Tools,
    cancel: CancelToken,
    until_s: float,
) -> Fix | None:
    """The proven fix that leaves nothing wrong on its lines, if no other one is nearly as likely."""
    proven = _proven(baseline, problem, tools, cancel, until_s, margin=_CERTAIN_MARGIN)
    clean = [fix for fix in proven if fix.proof.n_left == 0 and fix.candidate.cost <= _CERTAIN_COST]
    if len(clean) != 1 or clean[0].candidate.is_guess or until_s <= time.monotonic():
        return None
    return clean[0]


def _proven(
    baseline: Baseline,
    problem: Problem,
    tools: Tools,
    cancel: CancelToken,
    until_s: float,
    *,
    margin: float = float("inf"),
) -> Iterator[Fix]:
    """Proven fixes, the likeliest first; after the first one only those within `margin` of its cost."""
    start_s = time.monotonic()
    limit = float("inf")
    for n_tried, candidate in enumerate(_candidates(baseline, problem, tools)):
        cancel.raise_if_cancelled()
        if _MAX_PROVED <= n_tried or until_s <= time.monotonic() or limit < candidate.cost:
            return
        proof = prove(baseline, problem, candidate.edits)
        if proof.is_proven:
            limit = min(limit, candidate.cost + margin)
            yield Fix(candidate, problem, proof, (time.monotonic() - start_s) * 1e3)


def _candidates(baseline: Baseline, problem: Problem, tools: Tools) -> Iterator[Candidate]:
    """Those that cost nothing to make, in the order of their costs; then those of the slower source."""
    document = baseline.document
    seen = seen_as(problem, baseline)
    roots = _syntax_behind(problem, baseline)
    told = [*seen, *roots] or [problem]
    cases = [Case(document, each, tools.neighbours, tools.types) for each in _in_words(told, document)]
    together = (candidate for case in cases for candidate in candidates_for(case))
    ordered = sorted(together, key=lambda each: (each.cost, each.size))
    known: set[tuple[Edit, ...]] = set()
    is_python = document.language_id == "python"
    for candidate in _parsing_first(ordered, document.text) if roots and is_python else ordered:
        if candidate.edits not in known:
            known.add(candidate.edits)
            yield candidate
    if tools.propose is not None and seen:
        yield from (each for each in tools.propose(cases[0]) if each.edits not in known)


def _parsing_first(candidates: Sequence[Candidate], text: str) -> Iterator[Candidate]:
    """Those that make Python of the whole text, then the others: parsing here is cheaper than asking a checker."""
    others: list[Candidate] = []
    for candidate in candidates:
        if parse(apply_edits(text, candidate.edits)) is None:
            others.append(candidate)
        else:
            yield candidate
    yield from others


def _syntax_behind(problem: Problem, baseline: Baseline) -> list[Problem]:
    """The syntax error that may be the mistake itself: the first of the text, or one on the problem's line."""
    lines = baseline.document.lines
    line = lines.line_of(problem.span.start)
    errors = [each for each in baseline.problems if topic_of(each) is Topic.SYNTAX]
    if topic_of(problem) is Topic.SYNTAX:
        return errors[:1]  # the later ones are often its echoes
    return [each for each in errors if lines.line_of(each.span.start) == line][:1]


def _in_words(problems: Sequence[Problem], document: Document) -> list[Problem]:
    """Each way to put the mistake once; of syntax errors on one line the first, for their candidates are the same."""
    found: dict[tuple[str, str, int, int], Problem] = {}
    for each in problems:
        line = document.lines.line_of(each.span.start)
        is_syntax = topic_of(each) is Topic.SYNTAX
        key = ("", "", line, line) if is_syntax else (each.source, each.code, each.span.start, each.span.end)
        found.setdefault(key, each)
    return list(found.values())


def _in_order(baseline: Baseline) -> list[Problem]:
    """Syntax first, because nothing else is known before it is right; then from top to bottom."""
    return sorted(baseline.problems, key=lambda each: (topic_of(each) is not Topic.SYNTAX, each.span))


def _key(problem: Problem) -> tuple[str, str, str, int]:
    return *problem.identity, problem.span.start


def _checkers_for(problem: Problem, checkers: Sequence[Checker]) -> tuple[Checker, ...]:
    """The checkers, ruff with the rule of the problem added where ruff published it."""
    if problem.source.lower() != "ruff" or not problem.code[:1].isupper():
        return tuple(checkers)
    return tuple(
        replace(each, rules=(*each.rules, problem.code)) if isinstance(each, Ruff) else each for each in checkers
    )
