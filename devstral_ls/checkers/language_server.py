"""A checker that stays warm: a child process that speaks the Language Server Protocol, asked one thing at a time."""

import contextlib
import itertools
import json
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO, Any

from devstral_ls.checkers.process import neutral_folder, quiet_environment
from devstral_ls.errors import CheckerFailed

_MAX_ANSWER_BYTES = 64_000_000


class ChildServer:
    """Owns one child process. A late answer kills it: what it would say then is about an old text."""

    def __init__(self, command: Sequence[str]) -> None:
        self._name = command[0].replace("\\", "/").rsplit("/", 1)[-1]
        self._ids = itertools.count(1)
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=neutral_folder(),
                env=quiet_environment(),
            )
        except OSError as error:
            raise CheckerFailed(f"{self._name} cannot be run: {error.strerror}") from error
        threading.Thread(target=self._read_all, name=f"{self._name} reader", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: dict[str, Any], *, deadline_ms: float) -> Any:
        """The result of a request; raises `CheckerFailed` when it is late, refused or unreadable."""
        request_id = next(self._ids)
        until_s = time.monotonic() + deadline_ms / 1000
        self._send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        while True:
            message = self._next(until_s)
            if "method" in message:
                self._refuse(message)
            elif message.get("id") == request_id:
                break
        if "error" in message:
            raise CheckerFailed(f"{self._name} refused {method}: code {message['error'].get('code')}")
        return message.get("result")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _next(self, until_s: float) -> dict[str, Any]:
        try:
            message = self._answers.get(timeout=max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            self.close()
            raise CheckerFailed(f"{self._name} was late and has been stopped") from None
        if message is None:
            self.close()
            raise CheckerFailed(f"{self._name} ended or wrote something unreadable")
        return message

    def _refuse(self, message: dict[str, Any]) -> None:
        """A child may ask for settings or progress bars; it gets none."""
        if "id" in message:
            items = (message.get("params") or {}).get("items", [])
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": [{}] * len(items)})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self._process.stdin.flush()
        except OSError as error:
            raise CheckerFailed(f"{self._name} does not read any more") from error

    def _read_all(self) -> None:
        """Runs in its own thread, so that waiting for an answer can have a deadline."""
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            while (message := _read_message(self._process.stdout)) is not None:
                self._answers.put(message)
        self._answers.put(None)


def _read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message, or None at the end; raises `ValueError` at anything that is not the protocol."""
    length = 0
    while line := stream.readline(8192).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length == 0:
        return None
    if not 0 < length <= _MAX_ANSWER_BYTES:
        raise ValueError("the length of a message is out of bounds")
    message = json.loads(stream.read(length))
    if not isinstance(message, dict):
        raise ValueError("a message is not an object")  # noqa: TRY004 - one kind of error for all bad bytes
    return message
