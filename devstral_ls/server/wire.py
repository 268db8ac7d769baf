"""Frames on stdin and stdout: one thread reads, one thread writes, and neither can hold up the event loop."""

import logging
import queue
import re
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

_LOGGER = logging.getLogger(__name__)

MAX_FRAME_BYTES = 256 << 20
MAX_WAITING_BYTES = 64 << 20  # replies that the client has not read
FLUSH_S = 1.0  # how long the last replies may take to leave
_MAX_HEADER_BYTES = 8 << 10
_MAX_WAITING_FRAMES = 256  # read, but not yet looked at by the loop
_SKIP_BYTES = 1 << 20

# Some clients write the name in lower case or end lines with \n alone.
# At the end of a line, whatever precedes it, so that reading recovers from a wrong length before.
_CONTENT_LENGTH = re.compile(rb"content-length\s*:\s*(\d{1,18})\s*$", re.IGNORECASE)


def frames(stream: BinaryIO, *, max_bytes: int = MAX_FRAME_BYTES) -> Iterator[bytes]:
    """The bodies of all messages in `stream`, until it ends; what is no frame is skipped and logged."""
    while (n_bytes := _next_length(stream)) is not None:
        if max_bytes < n_bytes:
            _LOGGER.error("skipped a message of %d bytes; the limit is %d", n_bytes, max_bytes)
            _skip(stream, n_bytes)
            continue
        body = stream.read(n_bytes)
        if len(body) < n_bytes:
            _LOGGER.warning("the input ended %d bytes into a message of %d", len(body), n_bytes)
            return
        yield body


def frame(body: bytes) -> bytes:
    """`body` as it goes over the wire."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Reader:
    """Reads frames in a thread of its own, which a waiting `read` may keep for ever: nobody waits for it."""

    def __init__(self, stream: BinaryIO, deliver: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._stream = stream
        self._deliver = deliver
        self._ended = ended
        self._room = threading.Semaphore(_MAX_WAITING_FRAMES)
        self._thread = threading.Thread(target=self._run, name="devstral-read", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def taken(self) -> None:
        """Say that one delivered frame was looked at, so that another may be read."""
        self._room.release()

    def _run(self) -> None:
        try:
            for body in frames(self._stream):
                self._room.acquire()
                self._deliver(body)
        except (OSError, ValueError) as error:
            _LOGGER.warning("cannot read from the client: %s", error)
        self._ended()


class Writer:
    """The only way out. Any thread may write; frames leave in that order, from one thread."""

    def __init__(self, stream: BinaryIO, lost: Callable[[], None]) -> None:
        self._stream = stream
        self._lost = lost
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._n_waiting_bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="devstral-write", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Queue `data`; a client that leaves too much unread is given up."""
        with self._lock:
            self._n_waiting_bytes += len(data)
            is_too_much = MAX_WAITING_BYTES < self._n_waiting_bytes
        if is_too_much:
            _LOGGER.error("the client has left more than %d bytes unread", MAX_WAITING_BYTES)
            self._lost()
            return
        self._waiting.put(data)

    def close(self) -> None:
        """Write what waits, for at most `FLUSH_S`."""
        self._waiting.put(None)
        self._thread.join(FLUSH_S)

    def _run(self) -> None:
        try:
            while (data := self._waiting.get()) is not None:
                self._stream.write(data)
                self._stream.flush()
                with self._lock:
                    self._n_waiting_bytes -= len(data)
        except (OSError, ValueError) as error:
            _LOGGER.warning("cannot write to the client: %s", error)
            self._lost()


def _next_length(stream: BinaryIO) -> int | None:
    """Read one header block: the length of the body behind it, or None at the end of the input."""
    n_bytes: int | None = None
    while line := stream.readline(_MAX_HEADER_BYTES):
        if match := _CONTENT_LENGTH.search(line):
            n_bytes = int(match[1])
        elif not line.strip() and n_bytes is not None:
            return n_bytes
    return None


def _skip(stream: BinaryIO, n_bytes: int) -> None:
    while 0 < n_bytes and (skipped := stream.read(min(n_bytes, _SKIP_BYTES))):
        n_bytes -= len(skipped)
