"""The handshake: answered at once, from plain JSON, and true."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.protocol import default_converter
from server_fixtures import Connect

from devstral_ls.config import Settings
from devstral_ls.server.capabilities import CONTEXT_SCHEME, Client, advertised
from devstral_ls.server.requests import REQUESTS

ROOT = Path(__file__).parent.parent.parent
INVALID_PARAMS = -32602
EVERYTHING = advertised(Client(has_notebooks=True), Settings(diagnostics=True, completion_items="always"))
# Where LSP's ServerCapabilities speak of a request that we answer; the others hang on one of these.
PROVIDERS = {
    "textDocument/inlineCompletion": "inlineCompletionProvider",
    "textDocument/completion": "completionProvider",
    "textDocument/codeAction": "codeActionProvider",
    "textDocument/hover": "hoverProvider",
    "textDocument/diagnostic": "diagnosticProvider",
    "workspace/executeCommand": "executeCommandProvider",
}
_GREET = """
import os, sys
from devstral_ls.config import Settings
from devstral_ls.server.conversation import Conversation

class Sink:
    def write(self, data):
        assert b'"capabilities"' in data
        print(*sorted({name.split(".")[0] for name in sys.modules}), flush=True)
        os._exit(0)

hello = b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}'
Conversation(Sink(), Settings(), stop=print, gone=print).receive(hello)
"""


def test_nothing_of_lsp_is_imported_before_the_greeting() -> None:
    """LSP's types take half a second, for which the editor would wait."""
    run = subprocess.run([sys.executable, "-c", _GREET], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set() == {"lsprotocol", "pygls", "attrs", "cattrs", "numpy", "sqlite3"} & set(run.stdout.split())


def test_what_is_advertised_is_of_lsp() -> None:
    """Nothing is lost when LSP's own types read it and write it again; lsprotocol 2025.0.0 only writes notebooks."""
    converter = default_converter()  # type: ignore[no-untyped-call]  # pygls 2.1.1
    rest = {name: value for name, value in EVERYTHING.items() if name != "notebookDocumentSync"}
    assert converter.unstructure(converter.structure(rest, types.ServerCapabilities)) == rest
    cells = types.NotebookDocumentFilterWithCells(cells=[types.NotebookCellLanguage(language="python")])
    notebooks = types.NotebookDocumentSyncOptions(notebook_selector=[cells])
    assert converter.unstructure(notebooks) == EVERYTHING["notebookDocumentSync"]


def test_what_is_answered_is_advertised() -> None:
    """And the other way round."""
    assert set(PROVIDERS.values()) == {name for name in EVERYTHING if name.endswith("Provider")}
    assert [CONTEXT_SCHEME] == EVERYTHING["workspace"]["textDocumentContent"]["schemes"]
    elsewhere = {"codeAction/resolve", "devstral/metrics", "workspace/textDocumentContent"}
    assert set(PROVIDERS) | elsewhere == set(REQUESTS)


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ([], "params"),
        ({"processId": None}, "params.capabilities"),
        ({"processId": None, "capabilities": []}, "params.capabilities"),
        ({"processId": "1", "capabilities": {}}, "params.processId"),
    ],
)
def test_a_greeting_without_sense_may_be_sent_again(connect: Connect, params: Any, where: str) -> None:
    """InvalidParams, and the server still waits."""
    editor = connect().editor
    error = editor.reply(editor.request("initialize", params))["error"]
    assert (INVALID_PARAMS, f"bad parameters for initialize at {where}") == (error["code"], error["message"])
    editor.initialize()


@pytest.mark.parametrize(
    "strange",
    [
        {"general": {"positionEncodings": "utf-8"}},
        {"general": {"positionEncodings": [8, None]}},
        {"window": [], "workspace": 3, "textDocument": {"hover": "yes", "codeAction": {"resolveSupport": 1}}},
    ],
)
def test_an_ability_that_cannot_be_read_is_one_less(connect: Connect, strange: dict[str, Any]) -> None:
    """An editor that exaggerates is served all the same."""
    editor = connect().editor
    assert "utf-16" == editor.initialize(strange)["capabilities"]["positionEncoding"]
    editor.open("import ")
    assert ["os"] == editor.inline(0, 7)
