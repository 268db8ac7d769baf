"""From a snapshot to code actions and hovers: the features run in the threads of the checkers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from lsprotocol import types

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import NoCalls, RemoteError
from devstral_ls.server import from_lsp
from devstral_ls.server.capabilities import EXPLANATION_KIND
from devstral_ls.server.checking import programs_for
from devstral_ls.server.notebooks import cells_around
from devstral_ls.server.session import NoPlace, Snapshot
from devstral_ls.text import Document, Place, Span

if TYPE_CHECKING:  # checkers and features are imported by a thread, when somebody first asks
    from devstral_ls.checkers import Problem
    from devstral_ls.features.code_actions import Asked, Offer
    from devstral_ls.features.errands import Errand
    from devstral_ls.features.fixes import Tools
    from devstral_ls.features.hover import Explanation
    from devstral_ls.features.python_tree import Function
    from devstral_ls.features.writer import Writer
    from devstral_ls.remote.parcel import Parcel, Reply


@dataclass(frozen=True, slots=True)
class Explainer:
    """A model that may be asked about a place: the one at hand, or one elsewhere."""

    name: str
    offset: int
    is_here: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """Offers for one version of a document."""

    document: Document
    offers: Sequence["Offer"]
    explainers: Sequence[Explainer] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What our checkers find in one version of a document."""

    document: Document
    mistakes: Sequence["Problem"]


@dataclass(frozen=True, slots=True)
class Explained:
    """What is known about a place of a document."""

    document: Document
    explanation: "Explanation"


async def offer_at(snapshot: Snapshot, params: types.CodeActionParams, cancel: CancelToken) -> Offered | None:
    """What can be done at a range; None where there is no such place, or where nothing is to be suggested."""
    document = _document(snapshot, params.text_document.uri, params.range.start)
    span = from_lsp.span(document, params.range, snapshot.client.encoding) if document else None
    if document is None or span is None:
        return None
    return await snapshot.checking.run(partial(_offers, snapshot, document, span, params.context, cancel))


async def resolve(snapshot: Snapshot, document: Document, offer: "Offer", cancel: CancelToken) -> "Offer | None":
    """The offer with its edits; the model is asked only where the checkers alone found nothing."""
    writer = await _writer(snapshot, document, cancel) if offer.is_generated and offer.edits is None else None
    return await snapshot.checking.run(partial(_resolved, snapshot, document, offer, writer))


async def resolve_anywhere(
    snapshot: Snapshot, document: Document, offer: "Offer", cancel: CancelToken
) -> "Offer | None":
    """The same, and where this machine came to nothing a remote model may be asked."""
    try:
        resolved = await resolve(snapshot, document, offer, cancel)
    except NoCalls:
        resolved = await resolve_outside(snapshot, document, offer, cancel)
        if resolved is None:
            raise
        return resolved
    return resolved or await resolve_outside(snapshot, document, offer, cancel)


async def resolve_outside(
    snapshot: Snapshot, document: Document, offer: "Offer", cancel: CancelToken
) -> "Offer | None":
    """What a remote model writes and our checkers accept; `RemoteError` says why none was asked for."""
    errand = snapshot.outside.errand(document, snapshot.roots)
    if errand is None:
        return None
    parcel = await snapshot.checking.run(partial(_parcel_for, snapshot, errand, offer))
    if parcel is None:
        return None
    reply = await snapshot.outside.deliver(errand, parcel, cancel)
    return await snapshot.checking.run(partial(_accepted_from_outside, snapshot, errand, offer, reply))


async def explain_outside(snapshot: Snapshot, place: Place, cancel: CancelToken) -> str:
    """What a remote model says about a place."""
    errand = snapshot.outside.errand(place.document, snapshot.roots)
    if errand is None:
        raise RemoteError("no remote model may be asked about this document")
    from devstral_ls.features import errands  # noqa: PLC0415 - for start-up

    parcel = await snapshot.checking.run(partial(errands.parcel_for_explanation, errand, place))
    return errands.explanation_from(await snapshot.outside.deliver(errand, parcel, cancel), errand)


async def explain_here(snapshot: Snapshot, place: Place, cancel: CancelToken) -> str:
    """What the model at hand says about a place."""
    from devstral_ls.features.explaining import explanation  # noqa: PLC0415 - for start-up

    writer = await _writer(snapshot, place.document, cancel)
    return await snapshot.checking.run(partial(explanation, place, writer))


async def explain_at(snapshot: Snapshot, params: types.HoverParams, cancel: CancelToken) -> Explained | None:
    """What is known about a position."""
    place = snapshot.place(params.text_document.uri, params.position)
    if isinstance(place, NoPlace) or _is_off(snapshot, place.document):
        return None
    explanation = await snapshot.checking.run(partial(_explained, snapshot, place, cancel))
    if explanation is None:
        return None
    if snapshot.settings.explain_undocumented:
        explanation = _with_sentence(snapshot, place, explanation)
    return Explained(place.document, explanation)


async def check(snapshot: Snapshot, uri: str) -> Checked | None:
    """What is wrong with a document; None where our checkers are not asked for."""
    document = _document(snapshot, uri, types.Position(0, 0))
    if document is None or not snapshot.settings.diagnostics:
        return None
    return Checked(document, await snapshot.checking.run(partial(_mistakes, snapshot, document)))


async def check_unasked(snapshot: Snapshot, uri: str) -> Checked | None:
    """The same for an editor that does not pull, and what the user's own programs say for every editor."""
    document = _document(snapshot, uri, types.Position(0, 0))
    if document is None or not snapshot.settings.diagnostics:
        return None
    client, has_programs = snapshot.client, bool(programs_for(document, snapshot.roots, snapshot.settings))
    if client.pulls_diagnostics and not has_programs:
        return None
    quick = () if client.pulls_diagnostics else await snapshot.checking.run(partial(_mistakes, snapshot, document))
    slow = await snapshot.checking.run_programs(partial(_said_by_programs, snapshot, document)) if has_programs else ()
    return Checked(document, (*quick, *slow))


def _document(snapshot: Snapshot, uri: str, position: types.Position) -> Document | None:
    place = snapshot.place(uri, position)
    if isinstance(place, NoPlace) or _is_off(snapshot, place.document):
        return None
    return place.document


def _is_off(snapshot: Snapshot, document: Document) -> bool:
    # A cell of a notebook means little without the cells above it, which the checkers do not see.
    is_cell = cells_around(snapshot.notebooks, document.uri) is not None
    return is_cell or snapshot.settings.reason_off(document.language_id, document.path) is not None


def _offers(
    snapshot: Snapshot,
    document: Document,
    span: Span,
    context: types.CodeActionContext,
    cancel: CancelToken,
) -> Offered:
    from devstral_ls.features import code_actions  # noqa: PLC0415 - for start-up

    tools, facts = _tools(snapshot, document), _facts(snapshot)
    errand = snapshot.outside.errand(document, snapshot.roots)
    asked = code_actions.Asked(
        document=document,
        span=span,
        problems=from_lsp.problems(document, context.diagnostics, snapshot.client.encoding),
        only=tuple(str(getattr(kind, "value", kind)) for kind in context.only or ()),
        has_model=facts.get("infill") is not None,
        answers=str(facts["model"]) if facts.get("chat") else "",
        elsewhere="" if errand is None or errand.remote.infill != "none" else errand.remote.host,
    )
    return Offered(document, code_actions.offers(asked, tools, cancel), tuple(_explainers(asked, errand)))


def _explainers(asked: "Asked", errand: "Errand | None") -> Iterator[Explainer]:
    if not asked.wants(EXPLANATION_KIND):
        return
    if asked.answers:
        yield Explainer(asked.answers, asked.span.start, is_here=True)
    if errand is not None:
        yield Explainer(errand.remote.host, asked.span.start, is_here=False)


def _resolved(snapshot: Snapshot, document: Document, offer: "Offer", writer: "Writer | None") -> "Offer | None":
    from devstral_ls.features import code_actions  # noqa: PLC0415 - for start-up

    tools = _tools(snapshot, document)
    return code_actions.resolve(offer, document, tools, writer)


def _parcel_for(snapshot: Snapshot, errand: "Errand", offer: "Offer") -> "Parcel | str | None":
    """What is asked elsewhere about an offer, or why nothing is; None for what is only done here.

    Calls are asked for only where they could be made.
    """
    from devstral_ls.features import errands  # noqa: PLC0415 - for start-up

    match offer.action:
        case "fix" if offer.problem is not None:
            return errands.parcel_for_fix(errand, offer.problem)
        case "simplify" if offer.problem is None:
            return errands.parcel_for_simplification(errand, offer.span.start)
        case "unit_tests" if snapshot.settings.trusts(errand.root):
            return errands.parcel_for_calls(errand, offer.span.start)
        case _:
            return None


def _accepted_from_outside(snapshot: Snapshot, errand: "Errand", offer: "Offer", reply: "Reply") -> "Offer | None":
    from devstral_ls.features import errands  # noqa: PLC0415 - for start-up

    tools = _tools(snapshot, errand.document)
    if offer.action == "simplify":
        return errands.simplification_from(reply, errand, offer, tools)
    if offer.action == "unit_tests":
        return errands.test_from(reply, errand, offer, tools)
    assert offer.problem is not None
    fix = errands.fix_from(reply, errand, offer.problem, tools, CancelToken())
    return replace(offer, title=fix.title, edits=fix.edits) if fix else None


def _explained(snapshot: Snapshot, place: Place, cancel: CancelToken) -> "Explanation | None":
    from devstral_ls.features import hover  # noqa: PLC0415 - for start-up
    from devstral_ls.features.verification import examine  # noqa: PLC0415 - for start-up

    document = place.document
    tools = _tools(snapshot, document)
    mistakes = examine(document, tools.checkers).mistakes
    return hover.explain(place, mistakes, tools, cancel)


def _with_sentence(snapshot: Snapshot, place: Place, explanation: "Explanation") -> "Explanation":
    """With the model's sentence where it has written one; else it begins to, for the next hover there."""
    from devstral_ls.features import hover  # noqa: PLC0415 - for start-up
    from devstral_ls.features.python_tree import span_of  # noqa: PLC0415 - for start-up

    node = hover.undocumented(explanation, place.document)
    if node is None:
        return explanation
    source = span_of(node, place.document.text, place.document.lines).of(place.document.text)
    known = snapshot.sentences.get(source)
    if known is None:
        snapshot.explaining.start(place, partial(_write_sentence, snapshot, node, source))
    return replace(explanation, generated=known or "")


async def _write_sentence(snapshot: Snapshot, node: "Function", source: str, place: Place, cancel: CancelToken) -> None:
    from devstral_ls.features.sentence import write_sentence  # noqa: PLC0415 - for start-up

    writer = await _writer(snapshot, place.document, cancel)
    written = await snapshot.checking.run(partial(write_sentence, place.document, node, writer))
    snapshot.sentences.put(source, written[0] if written else "")


def _mistakes(snapshot: Snapshot, document: Document) -> Sequence["Problem"]:
    from devstral_ls.features.verification import examine  # noqa: PLC0415 - for start-up

    return examine(document, _tools(snapshot, document).checkers).mistakes


def _said_by_programs(snapshot: Snapshot, document: Document) -> Sequence["Problem"]:
    from devstral_ls.features.verification import examine  # noqa: PLC0415 - for start-up

    return examine(document, programs_for(document, snapshot.roots, snapshot.settings)).mistakes


def _tools(snapshot: Snapshot, document: Document) -> "Tools":
    beside = snapshot.documents_beside(document.uri)
    return snapshot.checking.tools(document, beside, snapshot.roots, snapshot.settings)


async def _writer(snapshot: Snapshot, document: Document, cancel: CancelToken) -> "Writer":
    from devstral_ls.features.writer import Writer  # noqa: PLC0415 - for start-up

    return Writer(await snapshot.ready_engine(), snapshot.sources_beside(document.uri), cancel)


def _facts(snapshot: Snapshot) -> Mapping[str, object]:
    """What the model can do; nothing while it is loading, and of one that failed to load."""
    task = snapshot.engine
    is_loaded = task.done() and not task.cancelled() and task.exception() is None
    return task.result().facts() if is_loaded else {}
