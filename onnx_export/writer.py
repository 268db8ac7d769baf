"""Writes the weights of a graph into one data file, a piece at a time, and takes up where a broken run ended.

The file is laid out before anything is read, so a run that was interrupted loses at most one tensor.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from devstral_ls.engine.manifest import WEIGHTS_NAME
from onnx_export.disk import require_room
from onnx_export.graph import Graph, Stored, WeightJob

JOURNAL_NAME = ".progress.json"
# Large tensors start on a page, so that they can be mapped; small ones on a cache line.
PAGE_BYTES = 4096
CACHE_LINE_BYTES = 64
LARGE_BYTES = 1 << 16
SYNC_BYTES = 256 << 20

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each stored tensor begins, and how long the file is."""

    offsets: Mapping[str, int]
    size_bytes: int


def lay_out(graph: Graph) -> Layout:
    """Give every stored tensor its place, in the order of the graph."""
    offsets: dict[str, int] = {}
    end = 0
    for stored in (output for job in graph.jobs for output in job.outputs):
        alignment = PAGE_BYTES if LARGE_BYTES <= stored.size_bytes else CACHE_LINE_BYTES
        offsets[stored.name] = -(-end // alignment) * alignment
        end = offsets[stored.name] + stored.size_bytes
    for alias in graph.aliases:
        assert alias.same_bytes_as is not None
        offsets[alias.name] = offsets[alias.same_bytes_as]
    return Layout(offsets, end)


def write_weights(
    graph: Graph, layout: Layout, folder: Path, fingerprint: str, progress: Progress, *, sync_bytes: int = SYNC_BYTES
) -> None:
    """Write all weights that an earlier run of the same export had not; forced to disk every `sync_bytes`."""
    path = folder / WEIGHTS_NAME
    n_done = _jobs_done(folder, fingerprint, layout) if path.exists() else 0
    require_room(folder, layout.size_bytes, path)
    journal = _Journal(folder, fingerprint, sync_bytes)
    with path.open("r+b" if n_done else "wb") as stream:
        stream.truncate(layout.size_bytes)
        progress(sum(job.size_bytes for job in graph.jobs[:n_done]))
        for index, job in enumerate(graph.jobs[n_done:], n_done + 1):
            _write_job(stream, job, layout, progress)
            journal.record(stream, index, job.size_bytes)


@dataclass(slots=True)
class _Journal:
    """Says how many jobs are safely on the disk."""

    folder: Path
    fingerprint: str
    sync_bytes: int
    n_unsynced_bytes: int = 0

    def record(self, stream: BinaryIO, n_done: int, n_bytes: int) -> None:
        self.n_unsynced_bytes += n_bytes
        if self.n_unsynced_bytes < self.sync_bytes:
            return
        self.n_unsynced_bytes = 0
        stream.flush()
        os.fsync(stream.fileno())
        partial = self.folder / f"{JOURNAL_NAME}.partial"
        partial.write_text(json.dumps({"fingerprint": self.fingerprint, "n_done": n_done}))
        partial.replace(self.folder / JOURNAL_NAME)


def _jobs_done(folder: Path, fingerprint: str, layout: Layout) -> int:
    """Read the journal; anything that does not fit this very export means starting again."""
    try:
        journal = json.loads((folder / JOURNAL_NAME).read_text())
    except (OSError, ValueError):
        return 0
    if (folder / WEIGHTS_NAME).stat().st_size != layout.size_bytes:
        return 0
    match journal:
        case {"fingerprint": str(earlier), "n_done": int(n_done)} if earlier == fingerprint:
            return n_done
    return 0


def _write_job(stream: BinaryIO, job: WeightJob, layout: Layout, progress: Progress) -> None:
    ends = [layout.offsets[output.name] for output in job.outputs]
    for pieces in job.pieces():
        for number, (output, piece) in enumerate(zip(job.outputs, pieces, strict=True)):
            _require_type(output, str(piece.dtype))
            stream.seek(ends[number])
            stream.write(np.ascontiguousarray(piece).data)
            ends[number] += piece.nbytes
            progress(piece.nbytes)
    for end, output in zip(ends, job.outputs, strict=True):
        assert end == layout.offsets[output.name] + output.size_bytes, f"{output.name} has another size than planned"


def _require_type(output: Stored, dtype: str) -> None:
    assert dtype == output.dtype, f"{output.name} is {dtype}, planned {output.dtype}"
