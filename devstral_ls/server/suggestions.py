"""From a position in a snapshot to suggestions, or to one reason for silence."""

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from lsprotocol import types

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import DevstralError
from devstral_ls.server import from_lsp
from devstral_ls.server.feedback import Offer
from devstral_ls.server.session import NoPlace, Snapshot
from devstral_ls.server.status import READY, Kind, Status
from devstral_ls.server.views import Selection, View, covering_word
from devstral_ls.text import Document, Edit, Place

if TYPE_CHECKING:  # loaded with the model, after start-up
    from devstral_ls.engine.face import Engine
    from devstral_ls.engine.request import Generation, Metrics
    from devstral_ls.features.inline_completion import Plan, Watch
    from devstral_ls.features.outcome import Outcome

_LOGGER = logging.getLogger(__name__)
_NOWHERE = Document("", "")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants suggestions for."""

    uri: str
    position: types.Position
    selected: types.SelectedCompletionInfo | None = None
    is_explicit: bool = False  # asked for by a key, not by typing: several candidates are welcome


@dataclass(frozen=True, slots=True)
class Suggested:
    """What to show in a document, best first, each under the id by which the editor may speak of it."""

    document: Document
    edits: tuple[Edit, ...]
    ids: tuple[str, ...] = ()


async def suggest_at(snapshot: Snapshot, asked: Asked, cancel: CancelToken) -> Suggested:
    """What to suggest; the editor is told the reason when that is nothing."""
    place = snapshot.place(asked.uri, asked.position)
    if isinstance(place, NoPlace):
        _LOGGER.warning("nothing to suggest at %s of %s: %s", asked.position, asked.uri, place)
        return _silence(snapshot, _NOWHERE, place)
    reason = snapshot.settings.reason_off(place.document.language_id, place.document.path)
    if reason is not None:
        return _silence(snapshot, place.document, reason)
    try:
        edits, outcome = await _edits(snapshot, place, asked, cancel)
    except DevstralError as error:
        _LOGGER.warning("nothing to suggest: %s", error)
        snapshot.tell(Status(Kind.ERROR, str(error)))
        return Suggested(place.document, ())
    if not edits:
        return _silence(snapshot, place.document, outcome.silence or "the suggestion does not fit its place")
    snapshot.tell(READY)
    return _offered(snapshot, place, edits, outcome.metrics)


async def _edits(
    snapshot: Snapshot, place: Place, asked: Asked, cancel: CancelToken
) -> "tuple[tuple[Edit, ...], Outcome]":
    """The edits to propose, best first, and what they come from."""
    selection = _selection(snapshot, place.document, asked.selected)
    view = snapshot.view(place if selection is None else selection.applied(place.document))
    outcome = await _outcome(snapshot, view, asked, cancel)
    own = (view.own_edit(suggestion.edit) for suggestion in outcome.suggestions)
    if selection is None:
        edits = tuple(covering_word(place.document, edit) for edit in own if edit is not None)
    else:
        extended = (selection.extended(edit) for edit in own if edit is not None)
        edits = tuple(edit for edit in extended if edit is not None)
    return edits, outcome


async def _outcome(snapshot: Snapshot, view: View, asked: Asked, cancel: CancelToken) -> "Outcome":
    snapshot.warming.asked(asked.uri, asked.position)
    engine = await asyncio.shield(snapshot.engine)
    from devstral_ls.engine.request import Priority  # noqa: PLC0415 - loaded with the model
    from devstral_ls.features.inline_completion import suggest  # noqa: PLC0415 - loaded with the model
    from devstral_ls.features.memory import place_after  # noqa: PLC0415 - loaded with the model

    ask = partial(
        suggest,
        engine=engine,
        sources=snapshot.sources_beside(asked.uri),
        settings=snapshot.settings,
        memory=snapshot.memory,
        watch=_watch(snapshot, engine),
    )
    # What it learns while the model reads the prompt still counts; nobody waits for it.
    snapshot.workspace.semantics.wonder(view.place)
    if snapshot.settings.context_tokens:
        snapshot.workspace.neighbourhood.wonder(view.place.document)
    priority = Priority.EXPLICIT if asked.is_explicit else Priority.TYPING
    outcome = await ask(view.place, cancel=cancel, key=asked.uri, priority=priority)
    if outcome.suggestions:
        snapshot.ahead.start(
            place_after(view.place, outcome.suggestions[0].edit),
            lambda place, cancel: ask(place, cancel=cancel, key=f"ahead of {asked.uri}", priority=Priority.PREFILL),
        )
    return outcome


def _watch(snapshot: Snapshot, engine: "Engine") -> "Watch | None":
    """Keeps what the model was asked, where the user wants that."""
    recorder = snapshot.recorder
    if recorder is None:
        return None
    from devstral_ls.features.replay import recording  # noqa: PLC0415 - few want it

    def watch(plan: "Plan", generation: "Generation") -> None:
        kept = recording(plan, generation, snapshot.settings, engine.facts())
        if kept is not None:
            recorder.put(kept)

    return watch


def _selection(
    snapshot: Snapshot, document: Document, selected: types.SelectedCompletionInfo | None
) -> Selection | None:
    if selected is None:
        return None
    span = from_lsp.span(document, selected.range, snapshot.client.encoding)
    return None if span is None else Selection(span, selected.text)


def _silence(snapshot: Snapshot, document: Document, reason: str) -> Suggested:
    snapshot.tell(Status(Kind.INACTIVE, reason))
    return Suggested(document, ())


def _offered(snapshot: Snapshot, place: Place, edits: tuple[Edit, ...], metrics: "Metrics | None") -> Suggested:
    document, feedback = place.document, snapshot.feedback
    ids = (
        feedback.offered(
            Offer(
                id=uuid4().hex,
                uri=document.uri,
                version=document.version,
                language_id=document.language_id,
                line=place.line,
                text=edit.new_text,
                source=_source(metrics),
                latency_ms=0.0 if metrics is None else metrics.total_ms,
            )
        )
        for edit in edits
    )
    return Suggested(document, edits, tuple(ids))


def _source(metrics: "Metrics | None") -> str:
    """What a suggestion came from."""
    if metrics is None:
        return "remembered"
    return "continued" if metrics.is_adopted else "model"
