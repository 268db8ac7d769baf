"""The socket: a bounded HTTP/1.1 server on the loopback, in front of one engine."""

import itertools
import queue
import secrets
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6, SHUT_WR
from typing import Any

from devstral_ls.cancel import CancelToken
from devstral_ls.endpoint import answers
from devstral_ls.endpoint.answers import CHAT, COMPLETION, Answer, Form
from devstral_ls.endpoint.asked import Asked, asked_to_answer, asked_to_complete
from devstral_ls.endpoint.guard import Head, Refusal, refusal
from devstral_ls.engine.face import Engine
from devstral_ls.engine.request import Generation
from devstral_ls.errors import DevstralError, PromptError, UsageError
from devstral_ls.remote.private_files import create_private, read_private

MAX_CONNECTIONS = 16
IDLE_S = 30.0  # a client that says nothing for so long is left
LINGER_S, LINGER_BYTES = 1.0, 65_536  # for what a refused client still sends, and how much of it at once
TOKEN_BYTES = 32
_PATHS = "there is /v1/models, /v1/completions and /v1/chat/completions"
_HOSTS = {"127.0.0.1": AF_INET, "localhost": AF_INET, "::1": AF_INET6, "[::1]": AF_INET6}


def address_of(text: str) -> tuple[str, int]:
    """HOST:PORT of the loopback; anything else would let others in."""
    host, _, port = text.rpartition(":")
    if host not in _HOSTS or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UsageError(f"{text!r} is no address to listen on; it is to be 127.0.0.1:PORT, and 0 chooses a port")
    return host.strip("[]"), int(port)


def token_in(file: Path | None) -> str:
    """The token in a private file, which is made where there is none; without a file, a new one."""
    if file is None:
        return secrets.token_urlsafe(TOKEN_BYTES)
    kept = (read_private(file) or "").strip()
    if kept and len(kept) < TOKEN_BYTES:
        raise UsageError(f"the token in {file} is too short to be safe; remove the file, and a new one is made")
    return kept or create_private(file, secrets.token_urlsafe(TOKEN_BYTES))


class Endpoint(socketserver.ThreadingMixIn, HTTPServer):
    """Owns the listening socket; a thread for each connection, and no more connections than a named limit."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int], *, engine: Engine, token: str) -> None:
        self.address_family = _HOSTS[address[0]]
        self.engine = engine
        self.token = token
        self.model = str(engine.facts()["model"])
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._numbers = itertools.count(1)
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            words = (error.strerror or "refused").lower()
            raise UsageError(f"{address[0]}:{address[1]} cannot be listened on: {words}") from None

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        host = str(self.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    def next_answer(self, form: Form) -> Answer:
        return Answer(form, f"{form.prefix}-{next(self._numbers)}", self.model)

    def server_bind(self) -> None:
        """Without http.server's look-up of the host's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.port

    def process_request(self, request: Any, client_address: Any) -> None:
        """One connection more, if there is room for it."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  an override
        """A line without a trace: the words of a foreign error might quote what was sent."""
        kind, _, _ = sys.exc_info()
        print(f"devstral-ls: a request failed: {kind.__name__ if kind else 'unknown'}", file=sys.stderr)  # noqa: T201


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "devstral-ls"
    sys_version = ""
    timeout = IDLE_S
    server: Endpoint

    def do_GET(self) -> None:
        if self._is_let_in():
            if self.path == "/v1/models":
                self._answer(HTTPStatus.OK, answers.models(self.server.model))
            else:
                self._answer(HTTPStatus.NOT_FOUND, answers.error(_PATHS))

    def do_POST(self) -> None:
        if not self._is_let_in():
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/completions":
            self._take(body, asked_to_complete, COMPLETION)
        elif self.path != "/v1/chat/completions":
            self._answer(HTTPStatus.NOT_FOUND, answers.error(_PATHS))
        elif self.server.engine.facts()["chat"] is None:
            words = f"the model {self.server.model} does not chat; ask /v1/completions, or serve a model that does"
            self._answer(HTTPStatus.NOT_FOUND, answers.error(words))
        else:
            self._take(body, asked_to_answer, CHAT)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What http.server refuses by itself, without quoting it."""
        self._refuse(Refusal(HTTPStatus(code), HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  an override
        """Nothing: paths and sizes are nobody's business."""

    def _is_let_in(self) -> bool:
        named = [(name.lower(), value) for name, value in self.headers.items()]
        refused = refusal(Head(self.command, self.path, named), port=self.server.port, token=self.server.token)
        if refused is not None:
            self._refuse(refused)
        return refused is None

    def _refuse(self, refused: Refusal) -> None:
        """Answer and hang up: a body that is not read would be taken for the next request."""
        self.close_connection = True
        self._answer(refused.status, answers.error(refused.words))
        self._linger()

    def _linger(self) -> None:
        """Take what is still coming, for a moment: a connection that is closed over unread bytes loses its answer."""
        end_s = time.monotonic() + LINGER_S
        with suppress(OSError):
            self.connection.shutdown(SHUT_WR)
            self.connection.settimeout(LINGER_S)
            while time.monotonic() < end_s and self.connection.recv(LINGER_BYTES):
                pass

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _take(self, body: bytes, read: Callable[[bytes], Asked], form: Form) -> None:
        try:
            asked = read(body)
            if asked.is_streamed:
                self._stream(asked, self.server.next_answer(form))
                return
            answer = self.server.next_answer(form)
            request = asked.request(answer.name, asked.end_of)
            generation = self.server.engine.generate_blocking(request, CancelToken())
        except (UsageError, PromptError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, answers.error(str(error)))
        except DevstralError as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, answers.error(str(error)))
        else:
            self._answer(HTTPStatus.OK, answer.whole(generation))

    def _stream(self, asked: Asked, answer: Answer) -> None:
        """Events as the text grows; a client that leaves ends the generation."""
        cancel = CancelToken()
        grown: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def stop(text: str) -> int | None:
            grown.put(text)
            return asked.end_of(text)

        done = self.server.engine.submit(asked.request(answer.name, stop), cancel)
        done.add_done_callback(lambda _: grown.put(None))
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self._send_events(asked, grown, done, answer)
        finally:
            cancel.cancel()

    def _send_events(
        self, asked: Asked, grown: "queue.SimpleQueue[str | None]", done: "Future[Generation]", answer: Answer
    ) -> None:
        n_sent = 0
        self.wfile.write(answer.opening())
        while (text := grown.get()) is not None:
            end = asked.end_of(text)
            n_certain = asked.n_certain(text) if end is None else end
            if n_sent < n_certain:
                self.wfile.write(answer.piece(text[n_sent:n_certain]))
                n_sent = n_certain
        try:
            generation = done.result()
        except DevstralError as error:
            self.wfile.write(b"data: " + answers.error(str(error)) + b"\n\n")
            return
        for whole in generation.completions[:1]:
            self.wfile.write(answer.piece(whole.text[n_sent:], whole.finish))
        self.wfile.write(b"data: [DONE]\n\n")
