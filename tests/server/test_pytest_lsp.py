"""A second opinion: the client of pytest-lsp, which checks what it receives against the capabilities it declared."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from editor import URI
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities
from server_fixtures import SAID

SERVER = Path(__file__).parent / "scripted_server.py"
ROOT = SERVER.parent.parent.parent
CONFIG = ClientServerConfig(
    server_command=[sys.executable, str(SERVER), json.dumps(SAID)], server_env={"PYTHONPATH": str(ROOT)}
)


@pytest_lsp.fixture(config=CONFIG, params=["visual-studio-code", "neovim", "emacs"])
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient) -> AsyncIterator[None]:
    """The session that one editor would hold."""
    lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)(registered)
    capabilities = client_capabilities(request.param)
    await lsp_client.initialize_session(types.InitializeParams(capabilities=capabilities))
    item = types.TextDocumentItem(URI, "python", 1, "def add(a, b):\n    return")
    lsp_client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    yield
    await lsp_client.shutdown_session()


def registered(_params: types.RegistrationParams) -> None:
    """Say yes: pytest-lsp 1.0.1 has no handler for what its VS Code declares to support."""


@pytest.mark.asyncio
async def test_a_suggestion_for_every_editor(client: LanguageClient) -> None:
    """Ghost text for the capabilities of VS Code, Neovim and Emacs."""
    context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic)
    params = types.InlineCompletionParams(context, types.TextDocumentIdentifier(URI), types.Position(1, 10))
    result = await client.text_document_inline_completion_async(params)
    assert isinstance(result, types.InlineCompletionList)
    assert ["return a + b"] == [item.insert_text for item in result.items]
