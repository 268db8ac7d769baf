"""An attribute, module member or module that does not exist: the one that the types know."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from devstral_ls.checkers import Topic
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.candidates.standard_library import modules
from devstral_ls.features.import_lines import imports_of
from devstral_ls.features.similarity import nearest
from devstral_ls.text import Span

TOPICS = frozenset({Topic.ATTRIBUTE, Topic.IMPORT})
_ORIGIN = "attributes"


def propose(case: Case) -> Iterator[Candidate]:
    """Before: `json.lods(text)`. After: `json.loads(text)`."""
    place = _misspelt(case)
    if place is None:
        return
    name = place.of(case.text)
    for rank, (other, n_slips) in enumerate(nearest(name, _known(case, place))):
        yield replace_one(place, other, f"{name} → {other}", n_slips + 0.05 * rank, _ORIGIN)


def _misspelt(case: Case) -> Span | None:
    """The last part of what the problem covers: `lods` of `json.lods`."""
    return case.identifier()


def _holed(case: Case, place: Span) -> Iterator[str]:
    """The text without the name and the rest of its line, which would say how to read it: `self. is None`.

    Where that leaves a bracket open, the rest goes to a line of its own.
    """
    before, after = case.text[: place.start], case.text[place.end :]
    yield before + after[case.document.line_span(case.line).end - place.end :]
    yield f"{before}\n{after}"


def _known(case: Case, place: Span) -> list[str]:
    """What could stand at `place`: what the types say, and for imports the modules that are used elsewhere."""
    found: list[str] = []
    for text in _holed(case, place):
        if case.types is not None and not nearest(place.of(case.text), found):
            with contextlib.suppress(CheckerFailed):  # the candidates below do not need types
                found += case.types.names_at(replace(case.document, text=text), place.start)
    if case.topic is Topic.IMPORT:
        found += modules()
        found += [part for each in case.neighbours for one in imports_of(each) for part in one.module.split(".")]
    return found
