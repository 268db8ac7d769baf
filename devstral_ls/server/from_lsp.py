"""Positions and ranges become offsets here; nothing below knows lines and columns in the editor's units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.protocol import default_converter

from devstral_ls.server.capabilities import CONTEXT_SCHEME
from devstral_ls.text import Buffer, Document, Edit, Encoding, Span, n_characters

if TYPE_CHECKING:  # imported when somebody first asks for a fix
    from devstral_ls.checkers import Problem
    from devstral_ls.features.code_actions import Offer


@dataclass(frozen=True, slots=True)
class Chosen:
    """The code action that a user has chosen, and the version of the document that it was offered for."""

    uri: str
    version: int
    offer: "Offer"


def edit(buffer: Buffer, change: types.TextDocumentContentChangePartial, encoding: Encoding) -> Edit:
    """The edit that `change` means; the ends of a reversed range are put in order."""
    start = buffer_offset(buffer, change.range.start, encoding)
    end = buffer_offset(buffer, change.range.end, encoding)
    return Edit(Span(min(start, end), max(start, end)), change.text)


def buffer_offset(buffer: Buffer, position: types.Position, encoding: Encoding) -> int:
    """Where `position` lies: a column past its line means the line's end, a line past the text the text's end."""
    start = buffer.lines.line_start(position.line)
    before = buffer.line_text(position.line, position.character)
    return start + n_characters(before, position.character, encoding)


def document_offset(document: Document, position: types.Position, encoding: Encoding) -> int | None:
    """Where `position` lies, as `buffer_offset`, or None for a line that the document does not have."""
    if document.lines.n_lines <= position.line:
        return None
    line = document.line_span(position.line)
    return line.start + n_characters(line.of(document.text), position.character, encoding)


def span(document: Document, given: types.Range, encoding: Encoding) -> Span | None:
    """The span of `given`, or None when it reaches past the document's last line."""
    start = document_offset(document, given.start, encoding)
    end = document_offset(document, given.end, encoding)
    if start is None or end is None:
        return None
    return Span(min(start, end), max(start, end))


def problems(document: Document, diagnostics: Sequence[types.Diagnostic], encoding: Encoding) -> tuple["Problem", ...]:
    """The diagnostics that the editor shows, whoever published them; those outside of the document are left out."""
    from devstral_ls.checkers import Problem, Severity  # noqa: PLC0415 - for start-up

    severities = dict(zip(types.DiagnosticSeverity, Severity, strict=True))
    found = []
    for each in diagnostics:
        place = span(document, each.range, encoding)
        if place is not None:
            severity = severities[each.severity or types.DiagnosticSeverity.Error]
            message = each.message if isinstance(each.message, str) else each.message.value
            code = "" if each.code is None else str(each.code)
            found.append(Problem(each.source or "", code, message, place, severity))
    return tuple(found)


def chosen(data: Any) -> Chosen:
    """What `to_lsp.code_actions` has put into the data of an action; it comes back through the editor."""
    try:
        return Chosen(str(data["uri"]), int(data["version"]), _offer(data))
    except (KeyError, TypeError, ValueError, AssertionError):
        raise JsonRpcInvalidParams("the data of this code action is not ours") from None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place that a read-only document is about."""

    uri: str
    position: types.Position


def cursor(uri: str) -> Cursor:
    """The place in `devstral-context:/name?document=URI&line=L&character=C`, counted as in any position."""
    scheme, _, rest = uri.partition(":")
    told = dict(parse_qsl(rest.partition("?")[2])) if scheme == CONTEXT_SCHEME else {}
    try:
        return Cursor(told["document"], types.Position(int(told["line"]), int(told["character"])))
    except (KeyError, ValueError):
        form = f"{CONTEXT_SCHEME}:/NAME?document=URI&line=NUMBER&character=NUMBER"
        raise JsonRpcInvalidParams(f"the URI of a context must have the form {form}") from None


def moved_cursor(params: Mapping[str, Any]) -> Cursor | None:
    """Where our own notification says that the cursor is; None where it says that badly."""
    match params:
        case {"textDocument": {"uri": str(uri)}, "position": {"line": int(line), "character": int(character)}}:
            return Cursor(uri, types.Position(line, character)) if 0 <= min(line, character) else None
    return None


def _offer(data: Mapping[str, Any]) -> "Offer":
    from devstral_ls.checkers import Problem  # noqa: PLC0415 - for start-up
    from devstral_ls.features.code_actions import Offer  # noqa: PLC0415 - for start-up

    told = data["problem"]
    problem = told and Problem(told["source"], told["code"], told["message"], Span(told["start"], told["end"]))
    return Offer(
        action=str(data["action"]),
        kind=str(data["kind"]),
        title=str(data["title"]),
        span=Span(data["start"], data["end"]),
        problem=problem,
        is_generated=bool(data["generated"]),
    )


@cache
def tolerant_converter() -> Converter:
    """The converter of pygls, which also takes the trigger kinds of clients older than LSP 3.18."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]  # pygls 2.1.1
    converter.register_structure_hook(types.InlineCompletionTriggerKind, _trigger_kind)
    return converter


def _trigger_kind(given: object, _type: type) -> types.InlineCompletionTriggerKind:
    """vscode-languageclient 9.0.1 counts from 0: its 0 means Invoked, which lsprotocol 2025.0.0 rejects."""
    if type(given) is not int:
        raise TypeError(given)
    is_invoked = given in (0, types.InlineCompletionTriggerKind.Invoked)
    return types.InlineCompletionTriggerKind.Invoked if is_invoked else types.InlineCompletionTriggerKind.Automatic
