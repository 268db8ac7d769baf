"""Runs a program that nobody has read: its own process, no network, little time and memory, nowhere to write to."""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from functools import partial

MAX_CPU_S = 5
MAX_WALL_S = 30  # a shared machine may give it little of its time
MAX_MEMORY_BYTES = 1 << 30
MAX_NODE_MEMORY_BYTES = 16 << 30  # addresses, not memory: V8 reserves them; its heap gets a limit of its own
MAX_FILE_BYTES = 0
MAX_PROCESSES = 64
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000


def succeeds(program: str) -> bool:
    """Whether a Python program ends by itself without an error."""
    return _succeeds([sys.executable, "-I", "-S", "-c", program], MAX_MEMORY_BYTES)


def succeeds_in_node(program: str) -> bool:
    """Whether a JavaScript program does."""
    node = shutil.which("node")
    if node is None:
        sys.exit("node is not installed")
    return _succeeds([node, "--max-old-space-size=512", "-e", program], MAX_NODE_MEMORY_BYTES)


def _succeeds(command: list[str], max_memory_bytes: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=MAX_WALL_S,
                check=False,
                preexec_fn=partial(_confine, max_memory_bytes),
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


def _confine(max_memory_bytes: int) -> None:
    """In the child, before it becomes the program; an error here ends it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for limit, value in (
        (resource.RLIMIT_CPU, MAX_CPU_S),
        (resource.RLIMIT_AS, max_memory_bytes),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_NPROC, MAX_PROCESSES),
    ):
        resource.setrlimit(limit, (value, value))
