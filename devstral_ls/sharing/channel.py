"""One local socket: JSON objects, each behind its length; sending never waits, receiving does."""

import json
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from devstral_ls.sharing.rules import Json

MAX_MESSAGE_BYTES = 16 << 20
MAX_BACKLOG_BYTES = 32 << 20  # what the other side has not read
_LENGTH = struct.Struct(">I")
_READ_BYTES = 64 << 10


class Channel:
    """Any thread may send; one thread receives. Whatever goes wrong closes the channel."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._read = bytearray()
        self._changed = threading.Condition()
        self._backlog: deque[bytes] = deque()
        self._n_backlog_bytes = 0
        self._writer: threading.Thread | None = None
        self._is_closed = False

    def send(self, message: Json) -> None:
        """Send now what the socket takes; a thread sends the rest. Too much of it closes the channel."""
        body = json.dumps(message, separators=(",", ":")).encode()
        data = _LENGTH.pack(len(body)) + body
        with self._changed:
            if self._is_closed:
                return
            rest = data if self._backlog else self._send_at_once(data)
            if not rest:
                return
            self._backlog.append(rest)
            self._n_backlog_bytes += len(rest)
            is_too_much = MAX_BACKLOG_BYTES < self._n_backlog_bytes
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="devstral-channel", daemon=True)
                self._writer.start()
            self._changed.notify()
        if is_too_much:
            self.close()

    def receive(self) -> Json | None:
        """The next message, or None when there will be none; raises BlockingIOError after `limit_silence`."""
        header = self._bytes(_LENGTH.size)
        n_bytes = _LENGTH.unpack(header)[0] if header else MAX_MESSAGE_BYTES + 1
        body = self._bytes(_LENGTH.size + n_bytes) if n_bytes <= MAX_MESSAGE_BYTES else b""
        message = _parsed(body[_LENGTH.size :])
        if message is None:
            self.close()
            return None
        del self._read[: _LENGTH.size + n_bytes]
        return message

    def messages(self) -> Iterator[Json]:
        """All messages until the channel is closed."""
        while (message := self.receive()) is not None:
            yield message

    def limit_silence(self, seconds: float) -> None:
        """How long `receive` waits; 0: without end. The kernel's limit, because Python's would hold up senders too."""
        whole, part = divmod(seconds, 1.0)
        limit = struct.pack("@ll", int(whole), int(part * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)

    def close(self) -> None:
        """End it for both sides; what was not sent is lost."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify()
        with suppress(OSError):  # the other side was first
            self._socket.shutdown(socket.SHUT_RDWR)
        # The descriptor is freed with the object: another thread may be waiting on it.

    def _bytes(self, n_bytes: int) -> bytes:
        """The first bytes of what is unread, or none at the end."""
        while len(self._read) < n_bytes:
            try:
                more = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                raise
            except OSError:
                return b""
            if not more:
                return b""
            self._read += more
        return bytes(self._read[:n_bytes])

    def _send_at_once(self, data: bytes) -> bytes:
        """What is left of the data."""
        try:
            return data[self._socket.send(data, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return data
        except OSError:  # the receiver hears of it
            return b""

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._backlog or self._is_closed)
                if self._is_closed:
                    return
                data = self._backlog[0]
            try:
                self._socket.sendall(data)
            except OSError:
                return
            with self._changed:
                self._backlog.popleft()
                self._n_backlog_bytes -= len(data)


def peer_user(connection: socket.socket) -> int | None:
    """The user at the other end, as the kernel says, or None where it does not."""
    if hasattr(socket, "SO_PEERCRED"):
        _, user, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(user)
    if sys.platform == "darwin":
        # sys/un.h and sys/ucred.h: LOCAL_PEERCRED, struct xucred {version, user, …}
        return int(struct.unpack_from("II", connection.getsockopt(0, 1, 76))[1])
    return None


def _parsed(body: bytes) -> Json | None:
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("say"), str) else None
