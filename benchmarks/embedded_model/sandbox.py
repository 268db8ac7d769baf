"""Runs a program that nobody has read: its own process, no network, little time and memory, nowhere to write to."""

import ctypes
import os
import resource
import subprocess
import sys
import tempfile

MAX_CPU_S = 5
MAX_WALL_S = 30  # a shared machine may give it little of its time
MAX_MEMORY_BYTES = 1 << 30
MAX_FILE_BYTES = 0
MAX_PROCESSES = 64
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000


def succeeds(program: str) -> bool:
    """Whether a program ends by itself without an error."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", program],
                cwd=folder,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=MAX_WALL_S,
                check=False,
                preexec_fn=_confine,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def require() -> None:
    """Stop where a program cannot be confined, or where a confined one reaches the network."""
    if not succeeds("pass"):
        sys.exit("programs cannot be confined here: a Linux that allows network namespaces is needed")
    if succeeds("import socket; socket.create_server(('127.0.0.1', 0)); socket.create_connection(('127.0.0.1', 1))"):
        sys.exit("a confined program reached the network")


def _confine() -> None:
    """In the child, before it becomes the program; an error here ends it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for limit, value in (
        (resource.RLIMIT_CPU, MAX_CPU_S),
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_NPROC, MAX_PROCESSES),
    ):
        resource.setrlimit(limit, (value, value))
