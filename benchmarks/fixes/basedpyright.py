"""Baseline: the quick fixes of basedpyright's own language server, asked as an editor asks for them."""

import shutil
import sys
from pathlib import Path
from typing import Any

from devstral_ls.checkers.language_server import ChildServer
from devstral_ls.errors import CheckerFailed
from devstral_ls.text import Document, Edit, Span

_DEADLINE_MS = 60_000  # its first answer about a package reads the whole package
_CAPABILITIES = {
    "textDocument": {
        "diagnostic": {"dynamicRegistration": False},
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}},
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        },
    },
    "workspace": {"workspaceEdit": {"documentChanges": False}},
}


class Basedpyright:
    """One warm server for one package; `pip install basedpyright` beside this benchmark."""

    def __init__(self, root: Path) -> None:
        beside = shutil.which("basedpyright-langserver", path=str(Path(sys.executable).parent))
        if beside is None:
            raise CheckerFailed("basedpyright is not installed; pip install basedpyright")
        self._child = ChildServer([beside, "--stdio"])
        uri = root.absolute().as_uri()
        folders = [{"uri": uri, "name": root.name}]
        params = {"processId": None, "rootUri": uri, "workspaceFolders": folders, "capabilities": _CAPABILITIES}
        self._child.ask("initialize", params, deadline_ms=_DEADLINE_MS)
        self._child.notify("initialized", {})

    def open(self, document: Document) -> list[dict[str, Any]]:
        """Show a text, and hear what is wrong with it."""
        item = {"uri": document.uri, "languageId": "python", "version": 1, "text": document.text}
        self._child.notify("textDocument/didOpen", {"textDocument": item})
        params = {"textDocument": {"uri": document.uri}}
        return list(self._child.ask("textDocument/diagnostic", params, deadline_ms=_DEADLINE_MS)["items"])

    def quick_fixes(self, document: Document, line: int, found: list[dict[str, Any]]) -> list[tuple[Edit, ...]]:
        """The edits it offers for its diagnostics on a line, without those that only silence it."""
        here = [each for each in found if each["range"]["start"]["line"] <= line <= each["range"]["end"]["line"]]
        fixes: list[tuple[Edit, ...]] = []
        for each in here:
            params = {"textDocument": {"uri": document.uri}, "range": each["range"], "context": {"diagnostics": [each]}}
            for action in self._child.ask("textDocument/codeAction", params, deadline_ms=_DEADLINE_MS) or []:
                changes = (action.get("edit") or {}).get("changes", {}).get(document.uri, [])
                edits = tuple(sorted((_edit(change, document) for change in changes), key=lambda each: each.span))
                if edits and "pyright: ignore" not in action["title"] and edits not in fixes:
                    fixes.append(edits)
        return fixes

    def close_text(self, document: Document) -> None:
        self._child.notify("textDocument/didClose", {"textDocument": {"uri": document.uri}})

    def close(self) -> None:
        self._child.close()


def _edit(change: dict[str, Any], document: Document) -> Edit:
    start, end = (_offset(change["range"][name], document) for name in ("start", "end"))
    return Edit(Span(start, end), change["newText"])


def _offset(position: dict[str, int], document: Document) -> int:
    line = document.line_text(position["line"])
    units = line.encode("utf-16-le")[: 2 * position["character"]]
    return document.lines.line_start(position["line"]) + len(units.decode("utf-16-le", "ignore"))
