"""The text that the demo types, kept equal in the server."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstral_ls.cli.language_client import LanguageClient
from devstral_ls.engine.request import Priority
from devstral_ls.text import Document, Edit, Span, apply_edits


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one cursor: an edit or nothing, and how long it took on the wire."""

    edit: Edit | None
    latency_ms: float
    n_read_tokens: int  # none of either: it was computed ahead, or typed through
    n_remembered_tokens: int


class Buffer:
    """An open document and a cursor in it."""

    def __init__(self, client: LanguageClient, path: Path, text: str, offset: int) -> None:
        self._client = client
        self._uri = path.as_uri()
        self._version = 1
        self._last_request = -1
        self.text = text
        self.offset = offset
        opened = {"uri": self._uri, "languageId": "python", "version": 1, "text": text}
        client.notify("textDocument/didOpen", {"textDocument": opened})

    @property
    def document(self) -> Document:
        return Document(self._uri, self.text, self._version)

    def type(self, typed: str) -> None:
        """Write `typed` at the cursor, which then stands behind it."""
        self.apply(Edit(Span(self.offset, self.offset), typed))

    def apply(self, edit: Edit) -> None:
        """Change the text here and in the server."""
        self._version += 1
        change = {
            "range": {"start": self._position(edit.span.start), "end": self._position(edit.span.end)},
            "text": edit.new_text,
        }
        self.text = apply_edits(self.text, [edit])
        self.offset = edit.span.start + len(edit.new_text)
        named = {"uri": self._uri, "version": self._version}
        self._client.notify("textDocument/didChange", {"textDocument": named, "contentChanges": [change]})

    def ask(self) -> Reply:
        """The first suggestion at the cursor; what is typed already is no part of it."""
        params = {**self.place(self.offset), "context": {"triggerKind": 2}}
        start_s = time.perf_counter()
        answer = self._client.request("textDocument/inlineCompletion", params)
        latency_ms = 1e3 * (time.perf_counter() - start_s)
        return Reply(self._first_edit(answer["items"]), latency_ms, *self._cost())

    def place(self, offset: int) -> dict[str, Any]:
        """The parameters that name a place in this document."""
        return {"textDocument": {"uri": self._uri}, "position": self._position(offset)}

    def _cost(self) -> tuple[int, int]:
        """Tokens that the last answer had read and remembered; none when it came without the model."""
        recent = self._client.request("devstral/metrics", {})["recent"]
        newer = [each for each in recent if self._last_request < each["request_number"]]
        self._last_request = max((each["request_number"] for each in newer), default=self._last_request)
        own = [each for each in newer if each["priority"] == Priority.TYPING]
        return (own[-1]["n_prefilled_tokens"], own[-1]["n_reused_tokens"]) if own else (0, 0)

    def _first_edit(self, items: list[dict[str, Any]]) -> Edit | None:
        if not items:
            return None
        place, text = items[0]["range"], items[0]["insertText"]
        start, end = self._offset(place["start"]), self._offset(place["end"])
        typed = self.text[start : self.offset]
        assert text.startswith(typed)
        return Edit(Span(self.offset, end), text.removeprefix(typed))

    def _position(self, offset: int) -> dict[str, int]:
        """The demo's text is ASCII, so that columns are the same in every encoding."""
        lines = self.document.lines
        line = lines.line_of(offset)
        return {"line": line, "character": offset - lines.line_start(line)}

    def _offset(self, position: dict[str, int]) -> int:
        return self.document.lines.line_start(position["line"]) + position["character"]
