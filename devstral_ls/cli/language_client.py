"""The smallest client of a language server: starts the process, frames JSON-RPC, waits for answers."""

import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from devstral_ls.errors import DevstralError

MAX_MESSAGE_BYTES = 16_000_000
EXIT_SECONDS = 5.0
MAX_ERROR_CHARACTERS = 300
_CODE_ACTIONS = {
    "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}},
    "dataSupport": True,
    "resolveSupport": {"properties": ["edit"]},
}


class ServerFailed(DevstralError):
    """The language server ended, answered with an error, or did not answer in time."""


class LanguageClient:
    """One server process on pipes. Not safe for use by several threads."""

    def __init__(self, command: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the client
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._n_requests = 0
        assert self._process.stdout is not None
        threading.Thread(target=_read_messages, args=(self._process.stdout, self._messages), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def initialize(self, root: Path, options: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Open a conversation about the folder `root`, with settings in `options`; the server's answer.

        Nobody types here, so nothing of it is counted among the user's suggestions.
        """
        answer = self.request(
            "initialize",
            {
                "processId": None,
                "clientInfo": {"name": "devstral-ls"},
                "rootUri": root.as_uri(),
                "initializationOptions": {"count_suggestions": False, **(options or {})},
                "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}],
                "capabilities": {
                    "general": {"positionEncodings": ["utf-32", "utf-16"]},
                    "textDocument": {"inlineCompletion": {}, "codeAction": _CODE_ACTIONS},
                },
            },
        )
        self.notify("initialized", {})
        assert isinstance(answer, dict)
        return answer

    def request(self, method: str, params: object, *, deadline_s: float = 60.0) -> Any:
        """The result of one request; requests of the server meanwhile are answered with null."""
        self._n_requests += 1
        number = self._n_requests
        self._send({"id": number, "method": method, "params": params})
        ends_s = time.monotonic() + deadline_s
        while True:
            message = self._next(method, ends_s)
            if message.get("id") == number and "method" not in message:
                return _result(method, message)
            if "id" in message and "method" in message:
                self._send({"id": message["id"], "result": None})

    def notify(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def close(self) -> None:
        """Ask the server to leave, and make it."""
        try:
            if self._process.poll() is None:
                self.request("shutdown", None, deadline_s=EXIT_SECONDS)
                self.notify("exit", None)
            self._process.wait(EXIT_SECONDS)
        except (ServerFailed, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _send(self, message: Mapping[str, object]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
            self._process.stdin.flush()
        except OSError:
            raise ServerFailed(f"the server ended: {self._last_words()}") from None

    def _next(self, method: str, ends_s: float) -> dict[str, Any]:
        try:
            message = self._messages.get(timeout=max(0.0, ends_s - time.monotonic()))
        except queue.Empty:
            raise ServerFailed(f"the server did not answer {method} in time") from None
        if message is None:
            raise ServerFailed(f"the server ended: {self._last_words()}")
        return message

    def _last_words(self) -> str:
        """The last line that the server logged."""
        self._process.wait(EXIT_SECONDS)
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return words[:MAX_ERROR_CHARACTERS]


def _result(method: str, message: Mapping[str, Any]) -> object:
    if "error" in message:
        raise ServerFailed(f"the server answered {method} with an error: {message['error'].get('message')}")
    return message.get("result")


def _read_messages(stream: IO[bytes], messages: "queue.Queue[dict[str, Any] | None]") -> None:
    """Read framed messages until the stream ends; None marks the end."""
    while (content := _read_content(stream)) is not None:
        messages.put(json.loads(content))
    messages.put(None)


def _read_content(stream: IO[bytes]) -> bytes | None:
    n_bytes = 0
    while (line := stream.readline()) not in {b"", b"\r\n"}:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            n_bytes = int(value)
    if not 0 < n_bytes <= MAX_MESSAGE_BYTES:
        return None
    content = stream.read(n_bytes)
    return content if len(content) == n_bytes else None
