"""Editors connected to servers: in the same process for races, in another one for life and death."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from editor import Editor, start_server
from server_fixtures import SAID, Connect, Running, StartProcess, start_here

from devstral_ls.server.loading import OpenEngine


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Start servers with a scripted model in this process; all of them are ended with the test."""
    started: list[Running] = []

    def start(said: dict[str, str] | None = None, *, open_engine: OpenEngine | None = None) -> Running:
        running = start_here(said or SAID, open_engine)
        started.append(running)
        return running

    yield start
    for running in started:
        running.editor.to_server.close()
        running.thread.join(20)
        running.editor.hear_out()
        running.editor.assert_one_reply_each()


@pytest.fixture
def editor(connect: Connect) -> Editor:
    """An editor whose server is initialized."""
    editor = connect().editor
    editor.initialize()
    return editor


@pytest.fixture
def process() -> Iterator[StartProcess]:
    """Start servers in processes of their own; none outlives the test."""
    started: list[Popen[bytes]] = []

    def start(*flags: str, said: dict[str, str] | None = None) -> tuple[Editor, "Popen[bytes]"]:
        server = start_server(Path(__file__).parent / "scripted_server.py", json.dumps(said or SAID), *flags)
        started.append(server)
        assert server.stdin is not None
        assert server.stdout is not None
        return Editor(server.stdin, server.stdout), server

    yield start
    for server in started:
        server.kill()
        server.wait()
