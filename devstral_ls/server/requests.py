"""What the server answers and hears, one entry a method."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified, JsonRpcInvalidParams

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import CheckerFailed, PromptError, RemoteError
from devstral_ls.server import actions, from_lsp, to_lsp
from devstral_ls.server.capabilities import ACCEPT, CURSOR_MOVED, EXPLAIN
from devstral_ls.server.contents import context_page
from devstral_ls.server.dispatch import Notifications, Request, Requests
from devstral_ls.server.failures import JsonRpcRequestFailed
from devstral_ls.server.feedback import Fate
from devstral_ls.server.session import Session, Snapshot
from devstral_ls.server.suggestions import Asked, Suggested, suggest_at
from devstral_ls.text import Document, Place

if TYPE_CHECKING:  # imported when somebody first asks for a fix
    from devstral_ls.features.code_actions import Offer

_Result = TypeVar("_Result")
COMPLETION_MS = 200  # Helix shows a menu only when all servers have answered, or after 250 ms


async def inline_completion(
    snapshot: Snapshot, params: types.InlineCompletionParams, cancel: CancelToken
) -> types.InlineCompletionList:
    is_explicit = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
    selected = params.context.selected_completion_info
    asked = Asked(params.text_document.uri, params.position, selected, is_explicit)
    return to_lsp.inline_completions(await suggest_at(snapshot, asked, cancel), snapshot.client.encoding)


async def completion(snapshot: Snapshot, params: types.CompletionParams, cancel: CancelToken) -> types.CompletionList:
    if not snapshot.offers_items:
        return to_lsp.no_completions()
    asked = Asked(params.text_document.uri, params.position)
    suggested = await _within(COMPLETION_MS, suggest_at(snapshot, asked, cancel))
    return to_lsp.completions(suggested, snapshot.client.encoding) if suggested else to_lsp.no_completions()


async def code_action(
    snapshot: Snapshot, params: types.CodeActionParams, cancel: CancelToken
) -> list[types.CodeAction]:
    if params.context.only is None:  # asked wherever the cursor stops, to show that there is something
        snapshot.warming.moved(params.text_document.uri, params.range.end)
    offered = await actions.offer_at(snapshot, params, cancel)
    if offered:
        _refuse_if_stale(snapshot, offered.document)
    if not offered:
        return []
    found = to_lsp.code_actions(offered.document, offered.offers, snapshot.client)
    return [*found, *(to_lsp.explanation(offered.document, each) for each in offered.explainers)]


async def resolve_code_action(snapshot: Snapshot, params: types.CodeAction, cancel: CancelToken) -> types.CodeAction:
    if params.edit is not None:
        return params  # on save, Helix 25.07 also resolves what came complete
    chosen = from_lsp.chosen(params.data)
    document = snapshot.document(chosen.uri, chosen.version)
    if document is None:
        raise JsonRpcContentModified("the document has changed since this was offered")
    offer = await _or_refused(actions.resolve_anywhere(snapshot, document, chosen.offer, cancel))
    _refuse_if_stale(snapshot, document)
    if offer is None:
        raise JsonRpcRequestFailed(f"nothing could be proven for: {chosen.offer.title}")
    _refuse_what_cannot_be_made(snapshot, offer)
    return to_lsp.code_action(document, offer, snapshot.client)


def _refuse_what_cannot_be_made(snapshot: Snapshot, offer: "Offer") -> None:
    """A new file, for an editor that does not say that it can make one."""
    client, other = snapshot.client, offer.elsewhere
    if other is not None and other.is_new and not (client.creates_files and client.has_versioned_edits):
        raise JsonRpcRequestFailed(f"this editor makes no files: make {other.document.path} and choose this again")


async def _or_refused(work: Coroutine[None, None, _Result]) -> _Result:
    """The result of work that a model or a checker may refuse; or an error with the reason."""
    try:
        return await work
    except (RemoteError, PromptError, CheckerFailed) as error:
        raise JsonRpcRequestFailed(str(error)) from None


def _refuse_if_stale(snapshot: Snapshot, document: Document) -> None:
    """Edits of a text that has changed meanwhile: an editor without versioned edits would apply them to the new one."""
    if snapshot.version_now(document.uri) != document.version:
        raise JsonRpcContentModified("the document has changed meanwhile")


async def hover(snapshot: Snapshot, params: types.HoverParams, cancel: CancelToken) -> types.Hover | None:
    explained = await actions.explain_at(snapshot, params, cancel)
    return to_lsp.hover(explained.document, explained.explanation, snapshot.client) if explained else None


async def diagnostic(
    snapshot: Snapshot, params: types.DocumentDiagnosticParams, _cancel: CancelToken
) -> types.DocumentDiagnosticReport:
    checked = await actions.check(snapshot, params.text_document.uri)
    return (
        to_lsp.diagnostics(checked.document, checked.mistakes, snapshot.client) if checked else to_lsp.no_diagnostics()
    )


async def document_content(
    snapshot: Snapshot, params: types.TextDocumentContentParams, _cancel: CancelToken
) -> types.TextDocumentContentResult:
    """The context of a place as a read-only document."""
    return types.TextDocumentContentResult(await context_page(snapshot, from_lsp.cursor(params.uri)))


async def execute_command(snapshot: Snapshot, params: types.ExecuteCommandParams, cancel: CancelToken) -> str | None:
    if params.command == EXPLAIN:
        return await _explained(snapshot, params.arguments, cancel)
    if params.command != ACCEPT:
        raise JsonRpcInvalidParams(f"unknown command {params.command!r}")
    snapshot.feedback.happened(next(iter(params.arguments or ()), None), Fate.ACCEPTED)
    return None


async def _explained(snapshot: Snapshot, arguments: Sequence[Any] | None, cancel: CancelToken) -> str:
    """What a model says about a place; it is also shown, for editors that drop a command's result."""
    match arguments:
        case [{"uri": str(uri), "version": int(version), "offset": int(offset), **others}] if 0 <= offset:
            document, is_here = snapshot.document(uri, version), others.get("here") is True
        case _:
            raise JsonRpcInvalidParams("the arguments of this command are not ours")
    if document is None or len(document.text) < offset:
        raise JsonRpcContentModified("the document has changed since this was offered")
    ask = actions.explain_here if is_here else actions.explain_outside
    words = await _or_refused(ask(snapshot, Place(document, offset), cancel))
    snapshot.say(words)
    return words


async def metrics(snapshot: Snapshot, _params: object, _cancel: CancelToken) -> dict[str, object]:
    """Ours: where the time of the last generations went, newest last; counts and milliseconds, no text."""
    engine = await asyncio.shield(snapshot.engine)
    return {"recent": [each.record() for each in engine.answered.recent()]}


def opened(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    session.opened(params)
    _check_soon(session, params.text_document.uri)


def changed(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    session.changed(params)
    _check_soon(session, params.text_document.uri)


def _check_soon(session: Session, uri: str) -> None:
    if session.settings.diagnostics:
        session.publisher.soon(uri, partial(_unasked, session))


async def _unasked(session: Session, uri: str) -> types.PublishDiagnosticsParams | None:
    """What is to be published of a document; None also when the editor has gone on meanwhile."""
    checked = await actions.check_unasked(session.snapshot(), uri)
    if checked is None or checked.document.version != session.version_of(uri):
        return None
    return to_lsp.published(checked.document, checked.mistakes, session.client)


def shown(session: Session, params: Mapping[str, Any]) -> None:
    """Copilot's `textDocument/didShowCompletion`."""
    session.feedback.happened(_offer_id(params), Fate.SHOWN)


def partly_accepted(session: Session, params: Mapping[str, Any]) -> None:
    """Copilot's `textDocument/didPartiallyAcceptCompletion`; the length counts UTF-16 units."""
    n_units = params.get("acceptedLength")
    session.feedback.happened(_offer_id(params), Fate.PARTLY_ACCEPTED, n_units if type(n_units) is int else None)


def _offer_id(params: Mapping[str, Any]) -> object:
    """The id in the command of the item that a notification speaks of."""
    item = params.get("item")
    command = item.get("command") if isinstance(item, Mapping) else None
    arguments = command.get("arguments") if isinstance(command, Mapping) else None
    return arguments[0] if isinstance(arguments, list) and arguments else None


async def _within(limit_ms: float, work: Coroutine[None, None, Suggested]) -> Suggested | None:
    """The result of `work`, or None when it would come too late; it is then cancelled."""
    try:
        return await asyncio.wait_for(work, limit_ms / 1e3)
    except TimeoutError:
        return None


def cursor_moved(session: Session, params: Mapping[str, Any]) -> None:
    """Ours: for editors that ask for nothing where the cursor stops."""
    cursor = from_lsp.moved_cursor(params)
    if cursor is not None:
        session.warming.moved(cursor.uri, cursor.position)


def _unheeded(_session: Session, _params: object) -> None:
    """For notifications that clients send to everybody."""


REQUESTS: Requests = {
    types.TEXT_DOCUMENT_INLINE_COMPLETION: Request(
        inline_completion, empty=to_lsp.no_inline_completions, supersedes=True
    ),
    types.TEXT_DOCUMENT_COMPLETION: Request(completion, empty=to_lsp.no_completions, supersedes=True),
    types.TEXT_DOCUMENT_CODE_ACTION: Request(code_action, empty=to_lsp.no_code_actions),
    types.CODE_ACTION_RESOLVE: Request(resolve_code_action),
    types.TEXT_DOCUMENT_HOVER: Request(hover, empty=lambda: None),
    types.TEXT_DOCUMENT_DIAGNOSTIC: Request(diagnostic, empty=to_lsp.no_diagnostics, supersedes=True),
    types.WORKSPACE_EXECUTE_COMMAND: Request(execute_command),
    types.WORKSPACE_TEXT_DOCUMENT_CONTENT: Request(document_content),
    "devstral/metrics": Request(metrics),
}

COMMANDS = (ACCEPT, EXPLAIN)

NOTIFICATIONS: Notifications = {
    types.INITIALIZED: Session.initialized,
    types.TEXT_DOCUMENT_DID_OPEN: opened,
    types.TEXT_DOCUMENT_DID_CHANGE: changed,
    types.TEXT_DOCUMENT_DID_SAVE: Session.files_changed,
    types.TEXT_DOCUMENT_DID_CLOSE: Session.closed,
    types.NOTEBOOK_DOCUMENT_DID_OPEN: Session.notebook_opened,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: Session.notebook_changed,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: Session.notebook_closed,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: Session.configured,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: Session.folders_changed,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: Session.files_changed,
    CURSOR_MOVED: cursor_moved,
    "textDocument/didShowCompletion": shown,
    "textDocument/didPartiallyAcceptCompletion": partly_accepted,
    "textDocument/didFocus": _unheeded,
}
