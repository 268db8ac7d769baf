"""No way out: this process, and all that it starts, lose the ability to open internet sockets.

On Linux the kernel refuses them (seccomp, for every thread and every later child); elsewhere, and besides,
an audit hook refuses them to the interpreter. Neither can be taken back.
"""

import ctypes
import os
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Any

# linux/audit.h and the system calls that make sockets: `socket`, and `io_uring_setup`, whose rings can make them too.
_ARCHITECTURES = {
    "x86_64": (0xC000003E, 41, 317),
    "aarch64": (0xC00000B7, 198, 277),
}
_IO_URING_SETUP = 425
_X32_BIT = 0x40000000  # the second numbering of system calls on x86_64
_AF_UNIX = 1
# linux/bpf_common.h and linux/seccomp.h
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE_WITH_EPERM = 0x7FFF0000, 0x00050001
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1

_REACHES_OUT = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
_LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


@dataclass(frozen=True, slots=True)
class Seal:
    """What refuses internet sockets now; `missing` says why the kernel does not, where it does not."""

    is_kernel: bool
    missing: str = ""


def seal() -> Seal:
    """Give up internet sockets, for good. Local ones (AF_UNIX) and pipes remain."""
    sys.addaudithook(_refuse)
    missing = _filter_system_calls()
    return Seal(is_kernel=not missing, missing=missing)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise PermissionError for what would reach another machine."""
    if not event.startswith("socket."):
        return
    if event in _LOOKS_UP or (event in _REACHES_OUT and _is_outside(arguments[1])):
        raise PermissionError(f"{event} refused: devstral-ls runs offline")


def _is_outside(address: object) -> bool:
    """Whether an address is no file of this machine; asyncio on Windows speaks to itself over the loopback."""
    if not isinstance(address, tuple):
        return False
    return sys.platform != "win32" or address[0] not in {"127.0.0.1", "::1"}


def _filter_system_calls() -> str:
    """Install the filter for all threads; why it could not be, or nothing."""
    numbers = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or numbers is None:
        return f"there is no filter of system calls for {platform.system()} on {platform.machine()}"
    architecture, socket_call, seccomp_call = numbers
    program = _program(architecture, socket_call)
    instructions = ctypes.create_string_buffer(program)
    # struct sock_fprog: a count, padding, a pointer
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions)))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0:
        return f"the kernel refused no_new_privs: {os.strerror(ctypes.get_errno())}"
    if libc.syscall(ctypes.c_long(seccomp_call), _SET_MODE_FILTER, _ALL_THREADS, header) != 0:
        return f"the kernel refused the filter: {os.strerror(ctypes.get_errno())}"
    return ""


def _program(architecture: int, socket_call: int) -> bytes:
    """Instructions of 8 bytes: refuse io_uring, foreign system calls, and sockets of any family but AF_UNIX."""
    refuse, allow = (_RETURN, 0, 0, _REFUSE_WITH_EPERM), (_RETURN, 0, 0, _ALLOW)
    steps = (
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, architecture),  # each jump says how many instructions to skip if true, and if false
        refuse,
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        refuse,
        (_JUMP_EQUAL, 0, 1, _IO_URING_SETUP),
        refuse,
        (_JUMP_EQUAL, 1, 0, socket_call),
        allow,
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_EQUAL, 1, 0, _AF_UNIX),
        refuse,
        allow,
    )
    return b"".join(struct.pack("HBBI", *step) for step in steps)
