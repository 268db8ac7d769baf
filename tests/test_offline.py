"""A sealed process cannot open a way out, nor can what it starts; local sockets remain."""

import subprocess
import sys

import pytest

BEGINNING = "import socket, subprocess, sys; from devstral_ls.offline import seal; sealed = seal();"


def outcome(program: str) -> str:
    """What a process prints that seals itself and then runs `program`."""
    done = subprocess.run([sys.executable, "-c", BEGINNING + program], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
        "socket.getaddrinfo('localhost', 80)",
        "socket.create_server(('127.0.0.1', 0))",
    ],
)
def test_every_way_out_is_refused(attempt: str) -> None:
    """Connections, datagrams, name look-ups and open ports end in PermissionError."""
    assert outcome(attempt).startswith("PermissionError")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's seal needs Linux")
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_PACKET", "AF_VSOCK"])
def test_the_kernel_refuses_programs_too(family: str) -> None:
    """A program that a sealed process starts has no audit hook, and still gets no socket."""
    attempt = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM)"
    assert "PermissionError" in outcome(f"subprocess.run([sys.executable, '-c', {attempt!r}])")


def test_local_sockets_remain() -> None:
    """The loop and jedi's process speak through them."""
    assert outcome("import asyncio; socket.socketpair(); asyncio.run(asyncio.sleep(0)); print('spoke')") == "spoke"
