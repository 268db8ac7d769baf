"""Who can do what: the client's abilities, read once at initialize, and ours, as they are advertised.

Plain JSON on both sides: LSP's types take half a second to import, and the editor waits for this reply.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstral_ls.config import Settings
from devstral_ls.text import Encoding

# What comes along with our settings but is meant for others: by our VS Code extension, and by Copilot's plugins.
COPILOTS = frozenset({"editorInfo", "editorPluginInfo", "copilotIntegrationId"})
NOT_OURS = frozenset({"enable", "server"}) | COPILOTS
STATUS = "$/devstral/status"  # what begins with $/ is ignored by editors that do not know it; others make lsp-mode warn
COPILOTS_STATUS = "didChangeStatus"
ACCEPT = "devstral.accepted"  # the command that editors run when a suggestion is taken
EXPLAIN = "devstral.explain"  # asks a model about a place
CURSOR_MOVED = "devstral/didMoveCursor"  # from editors that ask for nothing where the cursor stops
EXPLANATION_KIND = "refactor.explain.devstral"
# As in `features.code_actions.KINDS`, which is imported when somebody first asks; a test compares them.
CODE_ACTION_KINDS = (
    "quickfix",
    "source.fixAll.devstral",
    *(f"refactor.rewrite.{each}" for each in ("docstring", "body", "hints", "cases", "simplify", "test")),
)
_INCREMENTAL = 2  # TextDocumentSyncKind
CONTEXT_SCHEME = "devstral-context"  # of the read-only documents that we can write


@dataclass(frozen=True, slots=True)
class Client:
    """The facts about a client that change what it is sent."""

    name: str = ""
    version: str = ""
    encoding: Encoding = Encoding.UTF16
    has_work_done_progress: bool = False
    has_configuration: bool = False
    can_register_configuration: bool = False
    can_register_files: bool = False
    has_inline_completion: bool = False
    has_notebooks: bool = False
    has_versioned_edits: bool = False
    creates_files: bool = False
    resolves_edits: bool = False
    knows_generated_tag: bool = False
    shows_markdown: bool = False
    shows_backslashes: bool = False  # those of escaped Markdown: Neovim, seen in 0.12.4
    pulls_diagnostics: bool = False
    status_name: str = STATUS


def problem_with(params: object) -> str | None:
    """Which parameter of initialize makes no sense, or None; an ability that cannot be read is one less."""
    if not isinstance(params, Mapping):
        return "params"
    if not isinstance(params.get("capabilities"), Mapping):
        return "params.capabilities"
    if type(params.get("processId")) not in (int, type(None)):
        return "params.processId"
    return None


def client_of(params: Mapping[str, Any]) -> Client:
    """The client that sent `params`."""

    def told(*path: str) -> Any:
        return _found(params, "capabilities", *path)

    return Client(
        name=_text(_found(params, "clientInfo", "name")),
        version=_text(_found(params, "clientInfo", "version")),
        encoding=_encoding(told("general", "positionEncodings")),
        has_work_done_progress=told("window", "workDoneProgress") is True,
        has_configuration=told("workspace", "configuration") is True,
        can_register_configuration=told("workspace", "didChangeConfiguration", "dynamicRegistration") is True,
        can_register_files=told("workspace", "didChangeWatchedFiles", "dynamicRegistration") is True,
        has_inline_completion=told("textDocument", "inlineCompletion") is not None,
        has_notebooks=told("notebookDocument") is not None,
        has_versioned_edits=told("workspace", "workspaceEdit", "documentChanges") is True,
        creates_files="create" in _texts(told("workspace", "workspaceEdit", "resourceOperations")),
        resolves_edits="edit" in _texts(told("textDocument", "codeAction", "resolveSupport", "properties")),
        knows_generated_tag=told("textDocument", "codeAction", "tagSupport") is not None,
        shows_backslashes=_found(params, "clientInfo", "name") == "Neovim",
        shows_markdown="markdown" in _texts(told("textDocument", "hover", "contentFormat")),
        pulls_diagnostics=told("textDocument", "diagnostic") is not None,
        status_name=COPILOTS_STATUS if _is_copilots(params.get("initializationOptions")) else STATUS,
    )


def offers_items(settings: Settings, client: Client) -> bool:
    """Whether suggestions also come as ordinary items: editors with ghost text would show everything twice."""
    if settings.completion_items == "auto":
        return not client.has_inline_completion
    return settings.completion_items == "always"


def advertised(client: Client, settings: Settings) -> dict[str, Any]:
    """LSP's ServerCapabilities."""
    ours: dict[str, Any] = {
        "positionEncoding": client.encoding.value,
        "textDocumentSync": {"openClose": True, "change": _INCREMENTAL, "save": True},
        "inlineCompletionProvider": {},
        "hoverProvider": True,
        "codeActionProvider": {"codeActionKinds": list(CODE_ACTION_KINDS), "resolveProvider": True},
        "executeCommandProvider": {"commands": [ACCEPT, EXPLAIN]},
        "workspace": {
            "workspaceFolders": {"supported": True, "changeNotifications": True},
            "textDocumentContent": {"schemes": [CONTEXT_SCHEME]},
        },
    }
    if client.has_notebooks:
        ours["notebookDocumentSync"] = {"notebookSelector": [{"cells": [{"language": "python"}]}]}
    if offers_items(settings, client):
        ours["completionProvider"] = {}
    if settings.diagnostics:
        ours["diagnosticProvider"] = {
            "identifier": "devstral",
            "interFileDependencies": True,
            "workspaceDiagnostics": False,
        }
    return ours


def _found(node: object, *path: str) -> Any:
    """What lies at the end of `path`, or None."""
    for name in path:
        if not isinstance(node, Mapping):
            return None
        node = node.get(name)
    return node


def _encoding(offered: object) -> Encoding:
    """The first encoding that the client prefers and we know; UTF-16 when it names none."""
    known = {encoding.value: encoding for encoding in Encoding}
    return next((known[each] for each in _texts(offered) if each in known), Encoding.UTF16)


def _is_copilots(options: object) -> bool:
    """Whether it is one of Copilot's plugins, which all say so in their options."""
    return isinstance(options, Mapping) and not COPILOTS.isdisjoint(options)


def _text(given: object) -> str:
    return given if isinstance(given, str) else ""


def _texts(given: object) -> list[str]:
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
