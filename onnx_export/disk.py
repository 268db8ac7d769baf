"""The disk that a model folder goes to: whether there is room, and what to say when there is none left."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onnx_export.errors import ExportError


def require_room(folder: Path, size_bytes: int, path: Path) -> None:
    """Refuse to begin weights of `size_bytes` that cannot be finished; what `path` already takes is counted as free."""
    there = path.stat().st_blocks * 512 if path.exists() else 0
    free, needed = shutil.disk_usage(folder).free + there, _mebibytes(size_bytes)
    if free < size_bytes:
        raise ExportError(f"{folder} has {free >> 20} MiB free, the weights need {needed}; free some or move")


@contextmanager
def told_when_full(folder: Path, size_bytes: int) -> Iterator[None]:
    """Somebody else may take the room meanwhile: say so in one line, whichever file it was that did not fit."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        needed = _mebibytes(size_bytes)
        raise ExportError(f"the disk of {folder} is full; free {needed} and run it again") from error


def _mebibytes(size_bytes: int) -> str:
    """In whole ones, rounded up."""
    return f"{-(-size_bytes >> 20)} MiB"
