"""The process that speaks to the remote server for one that cannot."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import answers, on_stage

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import Cancelled, NoConsent, RemoteError
from devstral_ls.remote import choice, consent
from devstral_ls.remote.courier import Courier
from devstral_ls.remote.parcel import Chat, Parcel

PARCEL = Parcel(content=Chat("s", "u"), max_tokens=9, deadline_ms=20_000, why="fix", workspace="/project")


@pytest.fixture
def courier(tmp_path: Path) -> Iterator[Courier]:
    courier = Courier(tmp_path)
    yield courier
    courier.close()


def choose(folder: Path, url: str) -> None:
    remote = choice.remote_of({"url": url, "model": "big"})
    choice.save(folder, remote)
    consent.give(folder, Path("/project"), remote, consent.Answer.ALLOWED)


def test_a_parcel_goes_and_a_reply_comes(courier: Courier, tmp_path: Path) -> None:
    """What is chosen and allowed after the start counts too."""
    with pytest.raises(RemoteError, match="no remote server is chosen"):
        courier.send(PARCEL, CancelToken())
    with on_stage(answers("hello")) as stage:
        choose(tmp_path, stage.url)
        assert "hello" == courier.send(PARCEL, CancelToken()).text
        choice.save(tmp_path, choice.remote_of({"url": f"{stage.url}/other", "model": "big"}))
        with pytest.raises(NoConsent):
            courier.send(PARCEL, CancelToken())


def test_cancelling_reaches_the_process(courier: Courier, tmp_path: Path) -> None:
    """A server that says nothing is left at once."""
    reached, cancel = threading.Event(), CancelToken()
    with on_stage(lambda connection: reached.set() or (connection.recv(1) and None)) as stage:
        choose(tmp_path, stage.url)
        threading.Thread(target=lambda: reached.wait(20) and cancel.cancel(), daemon=True).start()
        with pytest.raises(Cancelled):
            courier.send(PARCEL, cancel)


def test_a_killed_process_is_said_to_be_gone(courier: Courier, tmp_path: Path) -> None:
    """Nobody waits for an answer that cannot come."""
    reached = threading.Event()
    with on_stage(lambda connection: reached.set() or (connection.recv(1) and None)) as stage:
        choose(tmp_path, stage.url)
        kill = lambda: reached.wait(20) and os.kill(courier.process_id, signal.SIGKILL)  # noqa: E731
        threading.Thread(target=kill, daemon=True).start()
        for _ in range(2):
            with pytest.raises(RemoteError, match="restart the language server"):
                courier.send(PARCEL, CancelToken())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's seal needs Linux")
def test_a_sealed_process_speaks_through_it(tmp_path: Path) -> None:
    """The courier was started before; its owner cannot open a socket, and still gets a reply."""
    program = """
import socket, sys
from pathlib import Path
from devstral_ls.cancel import CancelToken
from devstral_ls.remote.courier import Courier
from devstral_ls.remote.parcel import Chat, Parcel
from devstral_ls.offline import seal
courier = Courier(Path(sys.argv[1]))
assert seal().is_kernel
try:
    socket.socket(socket.AF_INET)
except PermissionError:
    parcel = Parcel(content=Chat("s", "u"), max_tokens=9, deadline_ms=20_000, why="fix", workspace="/project")
    print(courier.send(parcel, CancelToken()).text)
"""
    with on_stage(answers("through the seal")) as stage:
        choose(tmp_path, stage.url)
        ran = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)
    assert "through the seal\n" == ran.stdout, ran.stderr
