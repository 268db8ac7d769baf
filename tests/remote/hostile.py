"""A server for tests that answers as it is told, also as no server should, and remembers every byte that it got."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Sees a connection whose request was read; what it writes is the answer.
Play = Callable[[socket.socket], None]

EVENTS = "text/event-stream"
JSON = "application/json"


@dataclass
class Stage:
    """Plays its scripts one after another, the last one for ever."""

    plays: list[Play]
    received: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(each.partition(b"\r\n\r\n")[2]) for each in self.received]


@contextmanager
def on_stage(*plays: Play, tls: ssl.SSLContext | None = None) -> Iterator[Stage]:
    """A server on the loopback for as long as the block lasts."""
    stage = Stage(list(plays))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stage.port = listener.getsockname()[1]
        thread = threading.Thread(target=_accept, args=(listener, stage, tls), daemon=True)
        thread.start()
        yield stage
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def says(status: str, content_type: str, body: bytes, *headers: str, length: int | None = None) -> Play:
    """A whole answer; `length` is what it claims to be."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *headers]
    head.append(f"Content-Length: {len(body) if length is None else length}")
    return lambda connection: connection.sendall("\r\n".join([*head, "", ""]).encode() + body)


def events(*texts: str, finish: str = "stop", end: bytes = b"data: [DONE]\n\n") -> bytes:
    """A chat as a stream."""
    pieces = [{"choices": [{"delta": {"content": text}, "finish_reason": None}]} for text in texts]
    pieces.append({"choices": [{"delta": {}, "finish_reason": finish}]})
    return b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces) + end


def answers(*texts: str) -> Play:
    return says("200 OK", EVENTS, events(*texts))


def _accept(listener: socket.socket, stage: Stage, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, stage, tls), daemon=True).start()


def _serve(connection: socket.socket, stage: Stage, tls: ssl.SSLContext | None) -> None:
    try:
        with connection, tls.wrap_socket(connection, server_side=True) if tls else connection as speaker:
            received = _request(speaker)
            if received:
                stage.received.append(received)
                play = stage.plays.pop(0) if 1 < len(stage.plays) else stage.plays[0]
                play(speaker)
    except OSError:
        return  # the client has left


def _request(connection: socket.socket) -> bytes:
    """One request, head and body."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
