"""The bytes that left, written down before they leave: what cannot be written is not sent.

One line of JSON for each piece. A key stands as so many asterisks, so that lengths are those of the socket.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstral_ls.errors import RemoteError

FILE_NAME = "remote-sent.jsonl"
OLDER = ".1"  # the file before this one
MAX_FILE_BYTES = 16_000_000  # then a new one begins; one old one is kept


@dataclass(slots=True)
class Sending:
    """One connection's worth of bytes, as the log tells it."""

    id: str
    at_s: float
    to: str
    why: str
    workspace: str
    document: str
    content: bytes = field(default=b"", repr=False)


class SentLog:
    """Appends to the log in a folder; every process of the user may."""

    def __init__(self, folder: Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._file = folder / FILE_NAME
        self._max_file_bytes = max_file_bytes

    def begin(self, *, to: str, why: str, workspace: str, document: str) -> str:
        """A new sending; its id."""
        sending = uuid.uuid4().hex[:12]
        told = {"to": to, "why": why, "workspace": workspace, "document": document}
        self._append({"id": sending, "at_s": time.time(), **told})
        return sending

    def add(self, sending: str, content: bytes) -> None:
        """Bytes that are about to leave."""
        self._append({"id": sending, "bytes": content.decode("utf-8", "surrogateescape")})

    def _append(self, entry: dict[str, object]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(self._file, flags, 0o600)
            try:
                _restrict(descriptor)
                if os.write(descriptor, line) != len(line):
                    raise OSError(0, "the disk is full")
                self._begin_anew_after(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            reason = (error.strerror or "refused").lower()
            raise RemoteError(
                f"nothing was sent, because the log of what is sent cannot be written: {reason}"
            ) from None

    def _begin_anew_after(self, descriptor: int) -> None:
        """Put a full file aside, unless another process has done so meanwhile."""
        status = os.fstat(descriptor)
        if self._max_file_bytes < status.st_size and self._file.stat().st_ino == status.st_ino:
            self._file.replace(self._file.with_name(FILE_NAME + OLDER))


def _restrict(descriptor: int) -> None:
    """For its owner alone, whatever it was before."""
    if sys.platform != "win32":
        os.fchmod(descriptor, 0o600)


def read_log(folder: Path) -> Iterator[Sending]:
    """All sendings that are kept, oldest first."""
    found: dict[str, Sending] = {}
    for file in (folder / (FILE_NAME + OLDER), folder / FILE_NAME):
        for entry in _entries(file):
            match entry:
                case {"id": str(name), "bytes": str(text)} if name in found:
                    found[name].content += text.encode("utf-8", "surrogateescape")
                case {"id": str(name), "at_s": float(at_s), "to": str(to), "why": str(why), **rest}:
                    found[name] = Sending(name, at_s, to, why, str(rest.get("workspace")), str(rest.get("document")))
    yield from found.values()


def _entries(file: Path) -> Iterator[Any]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # cut off by a full disk
