"""A name of another language than Python that nobody knows: the nearest name that its text or its neighbours have."""

import re
from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.similarity import nearest

TOPICS = frozenset({Topic.NAME, Topic.ATTRIBUTE, Topic.IMPORT, Topic.ARGUMENT_NAME})
_ORIGIN = "spelling"
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `let total = 0; … return totl;`. After: `return total;`."""
    place = case.identifier()
    if place is None:
        return
    name = place.of(case.text)
    for where, texts in enumerate(([case.text], [each.text for each in case.neighbours])):
        known = (other for text in texts for other in _IDENTIFIER.findall(text))
        for rank, (other, n_slips) in enumerate(nearest(name, known)):
            yield replace_one(place, other, f"{name} → {other}", n_slips + 0.5 * where + 0.05 * rank, _ORIGIN)
