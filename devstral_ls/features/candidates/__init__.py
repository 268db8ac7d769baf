"""Where candidates for a fix come from without a model: one file a kind of mistake, with `TOPICS` and `propose`."""

import itertools
from collections.abc import Callable, Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates import (
    arguments,
    attributes,
    awaits,
    brackets,
    imports,
    indentation,
    linter,
    literals,
    names,
    punctuation,
    returns,
    spelling,
)
from devstral_ls.features.candidates.case import Candidate, Case
from devstral_ls.text import apply_edits

__all__ = ["Candidate", "Case", "candidates_for"]

Propose = Callable[[Case], Iterator[Candidate]]
_MAX_FROM_ONE_SOURCE = 24
_Sources = tuple[tuple[frozenset[Topic], Propose], ...]
_OF_PYTHON: _Sources = tuple(
    (module.TOPICS, module.propose)
    for module in (linter, names, imports, punctuation, indentation, attributes, arguments, awaits, returns, literals)
)
_OF_OTHERS: _Sources = tuple((module.TOPICS, module.propose) for module in (linter, brackets, spelling))


def candidates_for(case: Case) -> list[Candidate]:
    """Every candidate for the problem, the likeliest first; of two that give the same text, the cheaper one."""
    sources = _OF_PYTHON if case.document.language_id == "python" else _OF_OTHERS
    proposed = [
        candidate
        for topics, propose in sources
        if case.topic in topics
        for candidate in itertools.islice(propose(case), _MAX_FROM_ONE_SOURCE)
    ]
    found: dict[str, Candidate] = {}
    for candidate in sorted(proposed, key=lambda each: (each.cost, each.size)):
        found.setdefault(apply_edits(case.text, candidate.edits), candidate)
    found.pop(case.text, None)
    return list(found.values())
