"""Write the statement under the cursor in fewer words with the same meaning, as ruff's rules know it.

Before: `if x: return True` with `else: return False` below.
After: `return bool(x)`.
"""

from collections.abc import Iterator

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem, Ruff
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.code_actions.written import accepted
from devstral_ls.features.fixes import Tools
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Span

KIND = "refactor.rewrite.simplify"
# Simpler forms of the same: conditions, comprehensions, superfluous branches and parentheses.
_RULES = Ruff(rules=("SIM", "C4", "RET505", "PIE", "FURB", "FLY", "UP034", "PLR5501", "PLR1714"))
_MAX_OFFERS = 2


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:  # noqa: ARG001
    """Where a rule has a simpler form for what the cursor stands on, and only when refactorings are asked for."""
    if asked.document.language_id != "python" or not asked.only:
        return
    for problem in _at(asked.document, asked.span)[:_MAX_OFFERS]:
        fix = problem.own_fix
        assert fix is not None
        yield Offer(action="simplify", kind=KIND, title=f"Simplify: {fix.title}", span=problem.span, problem=problem)


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:  # noqa: ARG001
    """The edits of the rule, when no checker finds anything new in their result."""
    for problem in _at(document, offer.span):
        if problem.own_fix is not None and offer.problem is not None and problem.identity == offer.problem.identity:
            return accepted(offer, document, tools, [problem.own_fix.edits])
    return None


def _at(document: Document, span: Span) -> list[Problem]:
    """What could be simpler on the lines of `span`, the smallest first."""
    try:
        found = _RULES.check(document)
    except CheckerFailed:
        return []
    touched = [each for each in found if each.span.start <= span.end and span.start <= each.span.end]
    return sorted((each for each in touched if each.own_fix is not None), key=lambda each: len(each.span))
