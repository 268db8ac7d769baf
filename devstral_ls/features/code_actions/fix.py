"""Fix the problem under the cursor; preferred when the checkers have proven it.

Before: `return jsn.loads(x)` with `import json` above.
After: `return json.loads(x)`.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem, Topic, topic_of
from devstral_ls.features.candidates import Candidate, Case, candidates_for, chat, model
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.fixes import Fix, Tools, find_fix
from devstral_ls.features.verification import examine, seen_as
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document

KIND = "quickfix"
_MAX_PROBLEMS = 4  # a menu is asked for with every step of the cursor
_OFFER_MS = 400
_ANSWERS_MS = 60_000  # somebody has chosen to wait for a model that writes whole statements
_PROGRAMS_MS = 60_000  # somebody has chosen to wait for programs that may take seconds for each candidate


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:
    """Proven fixes with their edits; for the rest, where a model is there to try, a fix to be looked for."""
    quick = replace(tools, deadline_ms=min(tools.deadline_ms, _OFFER_MS), propose=None)
    problems = asked.problems or _own_problems(asked, tools)
    for problem in problems[:_MAX_PROBLEMS]:
        fix = find_fix(asked.document, problem, quick, cancel)
        if fix is not None:
            yield _proven(fix, problem)
        elif programs := _judging_programs(problem, asked, tools):
            yield _to_be_found(problem, f"look for one that {programs} accepts")
        elif (asked.has_model or asked.answers) and _may_be_proven(problem, asked, tools):
            yield _to_be_found(problem, f"ask {asked.answers or 'the model'}, verify its answer")


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:
    """Look longer, with the user's programs as judges and the model's candidates behind all others."""
    assert offer.problem is not None
    if offer.edits is not None:
        return offer
    cancel = writer.cancel if writer else CancelToken()
    propose = partial(_asked, writer=writer) if writer else None
    searching = replace(tools, checkers=tools.judges, propose=propose)
    if writer and writer.answers:
        searching = replace(searching, deadline_ms=max(tools.deadline_ms, _ANSWERS_MS))
    if tools.programs_for(document.language_id):
        searching = replace(searching, deadline_ms=max(searching.deadline_ms, _PROGRAMS_MS))
    fix = find_fix(document, offer.problem, searching, cancel)
    return _proven(fix, offer.problem) if fix else None


def _asked(case: Case, writer: Writer) -> Iterator[Candidate]:
    """What the model fills into holes, where it does, then what it answers, where it does."""
    if writer.fills:
        yield from model.propose(case, writer)
    if writer.answers:
        yield from chat.propose(case, writer)


def _may_be_proven(problem: Problem, asked: Asked, tools: Tools) -> bool:
    """Whether a checker of ours sees the problem too, so that it could say that it is gone."""
    is_known = topic_of(problem) is not Topic.OTHER
    return is_known and bool(seen_as(problem, examine(asked.document, tools.checkers)))


def _judging_programs(problem: Problem, asked: Asked, tools: Tools) -> str:
    """The names of the user's programs that could judge a candidate; empty where there is neither."""
    programs = tools.programs_for(asked.document.language_id)
    if not programs or topic_of(problem) is Topic.OTHER:
        return ""
    case = Case(asked.document, problem, tools.neighbours, tools.types)
    is_worth_it = asked.has_model or bool(asked.answers) or bool(candidates_for(case))
    return " and ".join(each.name for each in programs) if is_worth_it else ""


def _own_problems(asked: Asked, tools: Tools) -> tuple[Problem, ...]:
    """What our checkers see at the span, for an editor that shows no diagnostics there."""
    mistakes = examine(asked.document, tools.checkers).mistakes
    span = asked.span
    return tuple(each for each in mistakes if each.span.start <= span.end and span.start <= each.span.end)


def _proven(fix: Fix, problem: Problem) -> Offer:
    return Offer(
        action="fix",
        kind=KIND,
        title=fix.title,
        span=problem.span,
        problem=problem,
        edits=fix.edits,
        is_preferred=True,
        is_generated=fix.candidate.origin == "model",
    )


def _to_be_found(problem: Problem, how: str) -> Offer:
    subject = problem.message.splitlines()[0].replace("`", "'")
    title = f"Fix: {subject}: {how}"
    return Offer(action="fix", kind=KIND, title=title, span=problem.span, problem=problem, is_generated=True)
