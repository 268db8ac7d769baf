"""What the checker itself would do about a problem."""

from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case

TOPICS = frozenset(Topic)


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `import os` that nothing uses. After: the line is gone."""
    fix = case.problem.own_fix
    if fix is not None:
        title = fix.title or f"as {case.problem.source} does it"
        yield Candidate(fix.edits, title[:1].lower() + title[1:], 0.4 if fix.is_safe else 1.0, case.problem.source)
