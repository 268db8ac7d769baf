"""An editor for tests: it says exactly what it is told, also what no editor would."""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from devstral_ls.server.wire import frame, frames

PATIENCE_S = 60.0  # a reply that needs programs of its own takes long on a machine that is busy
URI = "file:///project/main.py"


class Editor:
    """The other end of the wire. Replies are kept by id, everything else in order."""

    def __init__(self, to_server: BinaryIO, from_server: BinaryIO) -> None:
        self.to_server = to_server
        self._n_requests = 0
        self._incoming: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.replies: dict[Any, list[dict[str, Any]]] = {}
        self.notifications: list[dict[str, Any]] = []
        self.questions: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._listen, args=(from_server,), daemon=True)
        self._thread.start()

    # What it says

    def send_bytes(self, data: bytes) -> None:
        self.to_server.write(data)
        self.to_server.flush()

    def send(self, **message: Any) -> None:
        self.send_bytes(frame(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    def notify(self, method: str, params: Any = None) -> None:
        self.send(method=method, params={} if params is None else params)

    def request(self, method: str, params: Any = None) -> int:
        """Send a request; its id."""
        self._n_requests += 1
        self.send(id=self._n_requests, method=method, params=params)
        return self._n_requests

    def ask(self, method: str, params: Any = None) -> Any:
        """Send a request and wait for its result."""
        return self.result(self.request(method, params))

    def initialize(self, capabilities: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        given = {"processId": None, "rootUri": None, "capabilities": capabilities or {}, **params}
        result = self.ask("initialize", given)
        self.notify("initialized")
        return dict(result)

    def open(self, text: str, uri: str = URI, version: int = 1, language_id: str = "python") -> None:
        item = {"uri": uri, "languageId": language_id, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, version: int, *changes: dict[str, Any], uri: str = URI) -> None:
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    def request_inline(self, line: int, character: int, uri: str = URI, kind: int = 2) -> int:
        return self.request("textDocument/inlineCompletion", inline_params(line, character, uri, kind))

    def inline(self, line: int, character: int, uri: str = URI, kind: int = 2) -> list[str]:
        """The texts shown at a position."""
        return self.texts(self.request_inline(line, character, uri, kind))

    def texts(self, message_id: Any) -> list[str]:
        """The texts of the items that a request gets."""
        return [item["insertText"] for item in self.result(message_id)["items"]]

    def shut_down(self) -> None:
        self.ask("shutdown")
        self.notify("exit")

    # What it hears

    def result(self, message_id: Any) -> Any:
        """The result of a request, once it is there; an error fails the test."""
        reply = self.reply(message_id)
        assert "error" not in reply, reply
        return reply["result"]

    def error_code(self, message_id: Any) -> int:
        """The code of the error that a request gets."""
        reply = self.reply(message_id)
        assert "error" in reply, reply
        return int(reply["error"]["code"])

    def reply(self, message_id: Any) -> dict[str, Any]:
        """The one reply to a request."""
        while message_id not in self.replies:
            self._take()
        return self.replies[message_id][0]

    def notification(self, method: str) -> dict[str, Any]:
        """The params of the next notification of this kind."""
        while not (found := [each for each in self.notifications if each["method"] == method]):
            self._take()
        self.notifications.remove(found[0])
        return dict(found[0]["params"])

    def question(self, method: str) -> dict[str, Any]:
        """The next request of the server of this kind."""
        while not (found := [each for each in self.questions if each["method"] == method]):
            self._take()
        self.questions.remove(found[0])
        return found[0]

    def hear_out(self) -> None:
        """Take everything until the server closes its end."""
        while self._take(may_end=True):
            pass

    def assert_one_reply_each(self) -> None:
        assert [] == [each for each, replies in self.replies.items() if each is not None and 1 < len(replies)]

    def _take(self, *, may_end: bool = False) -> bool:
        message = self._incoming.get(timeout=PATIENCE_S)
        if message is None:
            assert may_end, "the server closed its end"
            return False
        if "method" not in message:
            self.replies.setdefault(message["id"], []).append(message)
        elif "id" in message:
            self.questions.append(message)
        else:
            self.notifications.append(message)
        return True

    def _listen(self, from_server: BinaryIO) -> None:
        for body in frames(from_server):
            self._incoming.put(json.loads(body))
        self._incoming.put(None)


def inline_params(line: int, character: int, uri: str = URI, kind: int = 2) -> dict[str, Any]:
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": kind},
    }


def insertion(line: int, character: int, text: str) -> dict[str, Any]:
    """A change that inserts `text`, in the editor's units."""
    position = {"line": line, "character": character}
    return {"range": {"start": position, "end": position}, "text": text}


def start_server(program: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """A server process that runs `program` from this checkout."""
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(
        [sys.executable, program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
