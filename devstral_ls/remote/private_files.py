"""Files for one user's eyes: mode 0600, replaced as a whole, and no links followed."""

import json
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from devstral_ls.errors import UsageError

MAX_FILE_BYTES = 1_000_000


def read_private(file: Path) -> str | None:
    """The text of a file that nobody else can read or write; None where there is none."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {(error.strerror or 'refused').lower()}") from None
    with os.fdopen(descriptor, "rb") as stream:
        _refuse_unless_private(file, os.fstat(stream.fileno()))
        content = stream.read(MAX_FILE_BYTES + 1)
    if MAX_FILE_BYTES < len(content):
        raise UsageError(f"{file} is larger than {MAX_FILE_BYTES} bytes; is it the right file")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8; is it the right file") from None


def read_object(file: Path) -> dict[str, Any] | None:
    """The JSON object in a private file; None where there is none."""
    text = read_private(file)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{file} is no JSON object; remove it, and choose again")
    return found


def write_object(file: Path, value: dict[str, Any]) -> None:
    """Put a JSON object in the place of what `file` held; whoever reads meanwhile sees the old or the new one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # made with mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=2)
    Path(name).replace(file)


def create_private(file: Path, text: str) -> str:
    """Write a new private file; the text that it holds then."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {(error.strerror or 'refused').lower()}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(f"{text}\n")
    return text


def _refuse_unless_private(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{file} is not a plain file")
    if sys.platform == "win32":
        return  # the modes that Python shows there say nothing
    if status.st_uid != os.getuid():
        raise UsageError(f"{file} belongs to another user")
    if status.st_mode & 0o077:
        raise UsageError(f"others may open {file}; run `chmod 600` on it")
