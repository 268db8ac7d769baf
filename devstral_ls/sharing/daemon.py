"""The shared engine: one process that listens on a local socket and leaves when nobody needs it."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import NoReturn

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import GenerationRequest, InfillPrompt
from devstral_ls.sharing.channel import Channel, peer_user
from devstral_ls.sharing.lease import Lease
from devstral_ls.sharing.limits import Start
from devstral_ls.sharing.rules import Json

HELLO_LIMIT_S = 5.0
_BACKLOG = 16

OpenEngine = Callable[[Start], Engine]


class Daemon:
    """One engine and its clients, each with a thread that reads and a lease that ends with its connection."""

    def __init__(self, start: Start, listener: socket.socket, engine: Engine) -> None:
        self._start = start
        self._listener = listener
        self._engine = engine
        self._lock = threading.Lock()
        self._clients: dict[Lease, tuple[Channel, int]] = {}  # with the number of the process
        self._n_clients = 0  # ever
        self._used_s = time.monotonic()
        self._file_number = _file_number(start.path)

    def run(self) -> None:
        """Serve until nobody has asked for anything for long."""
        while 0 < (left_s := self._left_s()):
            # A client's going does not end this wait, so it is a short one.
            self._listener.settimeout(min(left_s, self._start.limits.left_s))
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            threading.Thread(target=self._serve, args=(connection,), name="devstral-client", daemon=True).start()

    def leave(self) -> None:
        """Say goodbye, so that nobody takes it for a crash."""
        if _file_number(self._start.path) == self._file_number:
            self._start.path.unlink(missing_ok=True)
        for channel, _ in list(self._clients.values()):
            channel.send({"say": "bye"})

    def _left_s(self) -> float:
        """How long to stay as things are."""
        limits = self._start.limits
        with self._lock:
            is_busy = any(lease.n_asked for lease in self._clients)
            limit_s = limits.idle_s if self._clients else limits.left_s
        return limit_s if is_busy else self._used_s + limit_s - time.monotonic()

    def _serve(self, connection: socket.socket) -> None:
        """The thread of one connection: greet, then hear until it ends."""
        channel = Channel(connection)
        hello = self._hello(connection, channel)
        if hello is None:
            channel.close()
            return
        if hello["role"] == "visitor":
            self._show(channel)
            return
        with self._lock:
            self._n_clients += 1
            lease = Lease(self._n_clients, channel, self._engine, self._start.limits)
            self._clients[lease] = channel, hello["pid"]
        try:
            channel.send({"say": "welcome"})
            self._hear(channel, lease)
        finally:
            self._used_s = time.monotonic()
            with self._lock:
                del self._clients[lease]
            lease.end()

    def _hello(self, connection: socket.socket, channel: Channel) -> Json | None:
        """The first message, if it comes from our user and asks for this engine."""
        if peer_user(connection) != os.geteuid():
            return None
        channel.limit_silence(HELLO_LIMIT_S)
        try:
            message = channel.receive()
        except BlockingIOError:
            return None
        channel.limit_silence(0)
        match message:
            case {"say": "hello", "role": "client" | "visitor", "pid": int(), "wanted": dict(wanted)}:
                if wanted == asdict(self._start.wanted):
                    return message
                channel.send({"say": "refused", "reason": "it is of another version or has another model"})
        return None

    def _hear(self, channel: Channel, lease: Lease) -> None:
        for message in channel.messages():
            match message["say"]:
                case "ping":
                    channel.send({"say": "pong"})
                case "state":
                    channel.send(self._state())
                case _:
                    self._used_s = time.monotonic()
                    try:
                        lease.hear(message)
                        if message["say"] == "generate":
                            self._let_rest(lease)
                    except (KeyError, TypeError, ValueError):  # not what our clients say
                        return

    def _let_rest(self, used: Lease) -> None:
        """The user is at one editor at a time; the others hear of it."""
        with self._lock:
            others = [lease for lease in self._clients if lease is not used]
        for lease in others:
            lease.rest()

    def _show(self, channel: Channel) -> None:
        """For visitors, who do not keep the engine here."""
        channel.send({"say": "welcome"})
        for message in channel.messages():
            if message["say"] == "state":
                channel.send(self._state())

    def _state(self) -> Json:
        with self._lock:
            clients = [number for _, number in self._clients.values()]
            n_requests = sum(lease.n_asked for lease in self._clients)
        about = {"pid": os.getpid(), "clients": clients, "n_requests": n_requests}
        return {"say": "state", **about, "engine": self._engine.facts()}


def run_daemon(start: Start, open_engine: OpenEngine, ready: Callable[[], None]) -> NoReturn:
    """Listen, then load: who started it can go on as soon as it listens."""
    os.umask(0o177)
    start.path.unlink(missing_ok=True)  # of a killed one: only the holder of the lock starts another
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(start.path))
    listener.listen(_BACKLOG)
    ready()
    signal.signal(signal.SIGTERM, _end)
    engine = open_engine(start)
    engine.submit(_WARM_UP, CancelToken())  # loads the model: somebody is about to ask
    daemon = Daemon(start, listener, engine)
    try:
        daemon.run()
    finally:
        daemon.leave()
        sys.stderr.flush()
        os._exit(0)  # no thread, and so no generation, is waited for


def _file_number(path: Path) -> int | None:
    """Which file stands there: somebody may have cleaned up, and another engine may listen at the same path."""
    try:
        return path.lstat().st_ino
    except OSError:
        return None


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit


_WARM_UP = GenerationRequest(prompt=InfillPrompt((), "", "", "", ""), key="warm up", max_tokens=0)
