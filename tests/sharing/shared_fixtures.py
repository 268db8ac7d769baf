"""Shared engines for tests: with a scripted model behind the wire in this process, or in a process of their own."""

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from devstral_ls.engine import face
from devstral_ls.engine.backends.scripted import MARKERS, ScriptedBackend, answers, engine_on
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.tokenizer import Tokenizer, byte_tokenizer
from devstral_ls.errors import NotShared
from devstral_ls.sharing.channel import Channel
from devstral_ls.sharing.client import SharedEngine, Ways
from devstral_ls.sharing.daemon import Daemon
from devstral_ls.sharing.limits import Limits, Start
from devstral_ls.sharing.rendezvous import Wanted

WANTED = Wanted(model="/none", manifest_sha256="0" * 64, provider="cpu", n_threads=1)
FACTS: dict[str, object] = {"model": "scripted", "window_tokens": 4096, "infill_tokens": 4096, "infill": "mistral"}
PATIENCE_S = 20.0


def tokenizer() -> Tokenizer:
    return byte_tokenizer(MARKERS)


@dataclass
class Here:
    """A daemon in a thread of this process; its listener lies in `folder`."""

    folder: Path
    engine: Engine
    limits: Limits = field(default_factory=Limits)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.folder / "engine"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen()
        self.daemon = Daemon(Start(WANTED, self.limits, self.path), listener, self.engine)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def meet(self) -> Channel:
        """A channel to it."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self.path))
        except OSError as error:
            raise NotShared("there is none") from error
        return greeted(connection)

    def client(self, own: Callable[[], face.Engine] | None = None) -> SharedEngine:
        return client(self.meet, own)

    def _run(self) -> None:
        self.daemon.run()
        self.daemon.leave()


def shared_here(engine: Engine) -> SharedEngine:
    """A client of a daemon on this engine."""
    return Here(Path(tempfile.mkdtemp(prefix="dls-")), engine).client()


def client(meet: Callable[[], Channel], own: Callable[[], face.Engine] | None = None) -> SharedEngine:
    def nothing() -> face.Engine:
        raise AssertionError("the client took an engine of its own")

    return SharedEngine(Ways(meet=meet, open_own=own or nothing, open_tokenizer=tokenizer, facts=FACTS))


def greeted(connection: socket.socket, **hello: Any) -> Channel:
    """A channel behind its greeting."""
    channel = Channel(connection)
    channel.send({"say": "hello", "role": "client", "pid": os.getpid(), "wanted": wanted_data(), **hello})
    reply = channel.receive()
    assert reply == {"say": "welcome"}, reply
    return channel


def wanted_data(**changes: Any) -> dict[str, Any]:
    return {name: getattr(WANTED, name) for name in WANTED.__dataclass_fields__} | changes


def scripted(said: dict[str, str]) -> tuple[Engine, ScriptedBackend]:
    backend = ScriptedBackend(answers(said), len(MARKERS) + 256)
    return engine_on(backend), backend


# In processes of their own

CLIENT = Path(__file__).parent / "asking_client.py"


@dataclass
class Asker:
    """A process that shares the embedded model; it asks when it is told to and prints what it gets."""

    process: "Popen[str]"

    def ask(self, prefix: str, **wishes: Any) -> dict[str, Any]:
        self.start_asking(prefix, **wishes)
        return self.answer()

    def start_asking(self, prefix: str, **wishes: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"prefix": prefix, **wishes}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client has ended"
        return dict(json.loads(line))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def start_asker(runtime: Path, **options: Any) -> Asker:
    root = Path(__file__).parent.parent.parent
    process = Popen(
        [sys.executable, CLIENT, json.dumps(options)],
        stdin=-1,
        stdout=-1,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "DEVSTRAL_LS_RUNTIME": str(runtime)},
    )
    return Asker(process)
