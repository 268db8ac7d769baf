"""What the client can do, read once at initialize."""

from dataclasses import dataclass

from lsprotocol import types

from devstral_ls.text import Encoding

# What comes along with our settings but is meant for others: by our VS Code extension, and by Copilot's plugins.
NOT_OURS = frozenset({"enable", "server", "editorInfo", "editorPluginInfo", "copilotIntegrationId"})


@dataclass(frozen=True, slots=True)
class Client:
    """The facts about a client that change what it is sent."""

    name: str = ""
    version: str = ""
    encoding: Encoding = Encoding.UTF16
    has_work_done_progress: bool = False
    has_configuration: bool = False
    can_register_configuration: bool = False
    has_inline_completion: bool = False
    has_versioned_edits: bool = False
    resolves_edits: bool = False
    knows_generated_tag: bool = False
    shows_markdown: bool = False
    pulls_diagnostics: bool = False


def client_of(params: types.InitializeParams) -> Client:
    """The client that sent `params`."""
    told, window, workspace = params.client_info, params.capabilities.window, params.capabilities.workspace
    name, version = (told.name, told.version or "") if told else ("", "")
    document = params.capabilities.text_document
    action = document.code_action if document else None
    registers = workspace.did_change_configuration if workspace else None
    return Client(
        name=name,
        version=version,
        encoding=encoding_of(params.capabilities),
        has_work_done_progress=bool(window and window.work_done_progress),
        has_configuration=bool(workspace and workspace.configuration),
        can_register_configuration=bool(registers and registers.dynamic_registration),
        has_inline_completion=bool(document and document.inline_completion),
        has_versioned_edits=bool(workspace and workspace.workspace_edit and workspace.workspace_edit.document_changes),
        resolves_edits=bool(action and action.resolve_support and "edit" in action.resolve_support.properties),
        knows_generated_tag=bool(action and action.tag_support),
        shows_markdown=_shows_markdown(document),
        pulls_diagnostics=bool(document and document.diagnostic),
    )


def encoding_of(capabilities: types.ClientCapabilities) -> Encoding:
    """The first encoding that the client prefers and we know; UTF-16 when it names none."""
    offered = (capabilities.general and capabilities.general.position_encodings) or ()
    known = {encoding.value: encoding for encoding in Encoding}
    return next((known[each] for each in offered if each in known), Encoding.UTF16)


def _shows_markdown(document: types.TextDocumentClientCapabilities | None) -> bool:
    hover = document.hover if document else None
    return types.MarkupKind.Markdown in ((hover and hover.content_format) or ())
