"""Offsets become positions here, and suggestions what the editor shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from devstral_ls.server.capabilities import ACCEPT, EXPLAIN, EXPLANATION_KIND, Client
from devstral_ls.server.suggestions import Suggested
from devstral_ls.text import Document, Edit, Encoding, Span, n_units

if TYPE_CHECKING:  # imported when somebody first asks for a fix
    from devstral_ls.checkers import Problem
    from devstral_ls.features.code_actions import Offer
    from devstral_ls.features.hover import Explanation
    from devstral_ls.server.actions import Explainer


def position(document: Document, offset: int, encoding: Encoding) -> types.Position:
    """Where `offset` lies for an editor that counts in `encoding`."""
    line = document.lines.line_of(offset)
    before = document.text[document.lines.line_start(line) : offset]
    return types.Position(line=line, character=n_units(before, encoding))


def range_of(document: Document, span: Span, encoding: Encoding) -> types.Range:
    return types.Range(position(document, span.start, encoding), position(document, span.end, encoding))


def inline_completions(suggested: Suggested, encoding: Encoding) -> types.InlineCompletionList:
    """Suggestions as ghost texts; an empty list clears what an editor still shows, null would not."""
    items = [
        types.InlineCompletionItem(
            insert_text=edit.new_text,
            range=range_of(suggested.document, edit.span, encoding),
            command=_accepted(offer_id),
        )
        for edit, offer_id in zip(suggested.edits, suggested.ids, strict=True)
    ]
    return types.InlineCompletionList(items=items)


def no_inline_completions() -> types.InlineCompletionList:
    return types.InlineCompletionList(items=[])


def completions(suggested: Suggested, encoding: Encoding) -> types.CompletionList:
    """The best suggestion as one item below everybody else's, for editors without ghost text."""
    items = [
        _completion_item(suggested.document, edit, offer_id, encoding)
        for edit, offer_id in zip(suggested.edits[:1], suggested.ids[:1], strict=True)
    ]
    return types.CompletionList(is_incomplete=True, items=items)


def no_completions() -> types.CompletionList:
    return types.CompletionList(is_incomplete=True, items=[])


def code_actions(document: Document, offers: Sequence["Offer"], client: Client) -> list[types.CodeAction]:
    """Offers as the lines of a menu; an editor that cannot resolve gets only what is ready."""
    return [code_action(document, each, client) for each in offers if each.edits is not None or client.resolves_edits]


def no_code_actions() -> list[types.CodeAction]:
    return []


def code_action(document: Document, offer: "Offer", client: Client) -> types.CodeAction:
    """One offer, with its edits where it has them and else with what is needed to resolve it."""
    return types.CodeAction(
        title=offer.title,
        kind=offer.kind,
        is_preferred=offer.is_preferred or None,
        edit=None if offer.edits is None else _edit_of(document, offer, client),
        data=_data(document, offer) if offer.edits is None else None,
        tags=[types.CodeActionTag.LlmGenerated] if offer.is_generated and client.knows_generated_tag else None,
    )


def explanation(document: Document, explainer: "Explainer") -> types.CodeAction:
    """The line of a menu that asks a model about a place."""
    told = {"uri": document.uri, "version": document.version, "offset": explainer.offset, "here": explainer.is_here}
    title = f"Explain this: ask {explainer.name}{' on this machine' if explainer.is_here else ''}"
    return types.CodeAction(title, EXPLANATION_KIND, command=types.Command(title, EXPLAIN, arguments=[told]))


def diagnostics(document: Document, problems: Sequence["Problem"], client: Client) -> types.DocumentDiagnosticReport:
    """Problems as an editor underlines them."""
    items = [_diagnostic(document, each, client.encoding) for each in problems]
    return types.RelatedFullDocumentDiagnosticReport(items=items)


def published(document: Document, problems: Sequence["Problem"], client: Client) -> types.PublishDiagnosticsParams:
    """The same for an editor that is told without having asked."""
    items = [_diagnostic(document, each, client.encoding) for each in problems]
    return types.PublishDiagnosticsParams(uri=document.uri, version=document.version, diagnostics=items)


def no_diagnostics() -> types.DocumentDiagnosticReport:
    return types.RelatedFullDocumentDiagnosticReport(items=[])


def hover(document: Document, explanation: "Explanation", client: Client) -> types.Hover:
    from devstral_ls.features.hover import as_lines, as_markdown  # noqa: PLC0415 - for start-up

    place = range_of(document, explanation.span, client.encoding)
    if client.shows_markdown:
        words = as_markdown(explanation, document.language_id, shows_backslashes=client.shows_backslashes)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, words), place)
    return types.Hover(types.MarkupContent(types.MarkupKind.PlainText, "\n".join(as_lines(explanation))), place)


def _diagnostic(document: Document, problem: "Problem", encoding: Encoding) -> types.Diagnostic:
    return types.Diagnostic(
        range=range_of(document, problem.span, encoding),
        message=problem.message,
        severity=types.DiagnosticSeverity[problem.severity.name.capitalize()],
        code=problem.code,
        source=problem.source,
    )


def _edit_of(document: Document, offer: "Offer", client: Client) -> types.WorkspaceEdit:
    other = offer.elsewhere
    if other is None:
        return _workspace_edit(document, offer.edits or (), client, version=document.version)
    edit = _workspace_edit(other.document, other.edits, client, version=other.version)
    if other.is_new:
        edit.document_changes = [types.CreateFile(other.document.uri), *(edit.document_changes or ())]
    return edit


def _workspace_edit(
    document: Document, edits: Sequence[Edit], client: Client, *, version: int | None
) -> types.WorkspaceEdit:
    """Edits of one version of a document: an editor that has gone on refuses them."""
    texts = [types.TextEdit(range_of(document, each.span, client.encoding), each.new_text) for each in edits]
    if not client.has_versioned_edits:
        return types.WorkspaceEdit(changes={document.uri: texts})
    identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, [*texts])])


def _data(document: Document, offer: "Offer") -> dict[str, object]:
    """All that `from_lsp.chosen` needs: the server remembers nothing of an offer."""
    problem = offer.problem
    return {
        "uri": document.uri,
        "version": document.version,
        "action": offer.action,
        "kind": offer.kind,
        "title": offer.title,
        "generated": offer.is_generated,
        "start": offer.span.start,
        "end": offer.span.end,
        "problem": problem
        and {
            "source": problem.source,
            "code": problem.code,
            "message": problem.message,
            "start": problem.span.start,
            "end": problem.span.end,
        },
    }


def _completion_item(document: Document, edit: Edit, offer_id: str, encoding: Encoding) -> types.CompletionItem:
    first_line = edit.new_text.strip().partition("\n")[0].rstrip("\r")
    return types.CompletionItem(
        label=first_line,
        detail="devstral-ls",
        documentation=types.MarkupContent(types.MarkupKind.Markdown, _fenced(edit.new_text, document.language_id)),
        kind=types.CompletionItemKind.Snippet,
        sort_text="\uffff",
        filter_text=first_line,
        insert_text_format=types.InsertTextFormat.PlainText,
        text_edit=types.TextEdit(range_of(document, edit.span, encoding), edit.new_text),
        command=_accepted(offer_id),
    )


def _accepted(offer_id: str) -> types.Command:
    return types.Command(title="Accepted", command=ACCEPT, arguments=[offer_id])


def _fenced(code: str, language_id: str) -> str:
    """`code` as a block of Markdown that it cannot leave, whatever back-ticks it holds."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language_id}\n{code}\n{fence}"
