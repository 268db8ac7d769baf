"""Servers for tests: in this process, where a test holds the gates of the model, or in one of their own."""

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import Popen

from editor import Editor
from shared_fixtures import shared_here

from devstral_ls.config import Settings
from devstral_ls.engine.backends.scripted import MARKERS, ScriptedBackend, answers, engine_on
from devstral_ls.engine.face import Engine
from devstral_ls.server.conversation import converse
from devstral_ls.server.loading import OpenEngine

# Set, every server of these tests has its engine behind a socket, as a shared one is.
SHARED_VARIABLE = "DEVSTRAL_LS_TEST_SHARED"
SAID = {"return": " a + b", "import ": "os", "xs = ": "[1, 2, 3]"}


@dataclass
class Running:
    """A server in this process: its editor, its model, and its exit code once it has ended."""

    editor: Editor
    backend: ScriptedBackend
    thread: threading.Thread
    codes: list[int]

    def exit_code(self) -> int:
        self.thread.join(20)
        return self.codes[0]


Connect = Callable[..., Running]
StartProcess = Callable[..., tuple[Editor, "Popen[bytes]"]]


def start_here(said: dict[str, str], open_engine: OpenEngine | None = None) -> Running:
    """A server in a thread of this process, with a scripted model."""
    backend = ScriptedBackend(answers(said), len(MARKERS) + 256)
    to_server, from_server = os.pipe(), os.pipe()
    codes: list[int] = []

    def open_scripted(_settings: Settings) -> Engine:
        engine = engine_on(backend)
        return shared_here(engine) if SHARED_VARIABLE in os.environ else engine

    def run() -> None:
        with os.fdopen(to_server[0], "rb") as source, os.fdopen(from_server[1], "wb") as sink:
            codes.append(asyncio.run(converse(source, sink, Settings(), open_engine or open_scripted)))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    editor = Editor(os.fdopen(to_server[1], "wb"), os.fdopen(from_server[0], "rb"))
    return Running(editor, backend, thread, codes)
