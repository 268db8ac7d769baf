"""From a wanted engine to a channel: connect to the one that runs, or start it first."""

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from devstral_ls.errors import NotShared
from devstral_ls.sharing.channel import Channel, peer_user
from devstral_ls.sharing.limits import Limits, start_argument
from devstral_ls.sharing.rendezvous import Wanted, private_folder, socket_path

# -P keeps the working folder, which may be an untrusted project, off the import path.
PROGRAM = (sys.executable, "-P", "-m", "devstral_ls.sharing")
READY = b"listening"
START_LIMIT_S = 20.0
LOCK_LIMIT_S = 30.0
LOCK_POLL_S = 0.02
GREETING_LIMIT_S = 5.0
_ATTEMPTS = 2  # an engine may leave while it is being greeted


def meet(wanted: Wanted, limits: Limits, program: Sequence[str] = PROGRAM) -> Channel:
    """A channel to the shared engine, which is started where none runs; `NotShared` says why there is none."""
    path = socket_path(wanted, private_folder())
    try:
        for _ in range(_ATTEMPTS):
            connection = _connection(path) or _connection_to_new(wanted, limits, path, program)
            if channel := _greeted(connection, wanted, "client"):
                return channel
    except OSError as error:
        raise NotShared(f"no shared engine can be started: {error}") from error
    raise NotShared("the shared engine left while it was greeted")


def look_in(wanted: Wanted) -> Channel | None:
    """A channel for a visitor, or None where no such engine runs."""
    connection = _connection(socket_path(wanted, private_folder()))
    return None if connection is None else _greeted(connection, wanted, "visitor")


def _connection(path: Path) -> socket.socket | None:
    """A connection, or None where nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):  # not there, or what a killed engine left
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise NotShared(f"cannot connect to {path}: {error.strerror}") from error
    if (user := peer_user(connection)) != os.geteuid():
        connection.close()
        raise NotShared(f"{path} belongs to user {user}")
    return connection


def _connection_to_new(wanted: Wanted, limits: Limits, path: Path, program: Sequence[str]) -> socket.socket:
    """Start the engine, unless another server was faster."""
    with _one_at_a_time(path):
        connection = _connection(path)
        if connection is None:
            _start(wanted, limits, path, program)
            connection = _connection(path)
    if connection is None:
        raise NotShared("the shared engine ended as soon as it listened")
    return connection


def _greeted(connection: socket.socket, wanted: Wanted, role: str) -> Channel | None:
    """A channel whose other end has agreed, or None where it has left."""
    channel = Channel(connection)
    channel.limit_silence(GREETING_LIMIT_S)
    channel.send({"say": "hello", "role": role, "pid": os.getpid(), "wanted": asdict(wanted)})
    try:
        reply = channel.receive()
    except BlockingIOError:
        channel.close()
        raise NotShared(f"the shared engine has not answered for {GREETING_LIMIT_S:.0f} s") from None
    if reply is None or reply["say"] == "bye":
        return None
    if reply["say"] != "welcome":
        channel.close()
        raise NotShared(f"the shared engine refused: {reply.get('reason')}")
    channel.limit_silence(0)
    return channel


def _start(wanted: Wanted, limits: Limits, path: Path, program: Sequence[str]) -> None:
    """Start the engine and wait until it listens. It leaves our process tree, which editors kill as a whole."""
    log = path.with_suffix(".log")
    with log.open("wb") as sink, _started([*program, start_argument(wanted, limits, path)], sink) as process:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_LIMIT_S)
        said = os.read(process.stdout.fileno(), len(READY)) if ready else b""
        process.kill()  # only the half that forked the engine, which has ended as a rule
    if said != READY:
        raise NotShared(f"the shared engine did not start; {log} says why")


def _started(command: Sequence[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
    )


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Two servers that start together start one engine. The kernel frees the lock of a server that dies."""
    import fcntl  # noqa: PLC0415 - not on Windows

    with path.with_suffix(".lock").open("w") as lock:
        pause, deadline_s = threading.Event(), time.monotonic() + LOCK_LIMIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if deadline_s < time.monotonic():
                    raise NotShared("another server has been starting the engine for too long") from None
                pause.wait(LOCK_POLL_S)
        yield
