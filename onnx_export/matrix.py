"""Matrices that are read a run of rows at a time, so that a checkpoint larger than memory can be rewritten.

stacked(q, k, v)        one below the other
interleaved(gate, up)   gate0, up0, gate1, up1, …
sliced, permuted, scaled, transposed, low_rank_update   what their names say
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

CHUNK_ELEMENTS = 1 << 20  # 4 MiB of float32: what a core's share of the last cache holds
RUNS_AHEAD_PER_CORE = 2

Floats = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Matrix:
    """`read(start, stop)` gives those rows, [stop - start, n_columns] float32."""

    n_rows: int
    n_columns: int
    read: Callable[[int, int], Floats]
    label: str = ""

    @property
    def size(self) -> int:
        return self.n_rows * self.n_columns

    def whole(self) -> Floats:
        """Everything at once: for small matrices only."""
        return self.read(0, self.n_rows)

    def chunks(self) -> Iterator[Floats]:
        """Runs of rows of about 4 MiB, in order."""
        return (self.read(*run) for run in self._runs())

    def converted(self, convert: Callable[[Floats], T]) -> Iterator[T]:
        """`convert` of each run of rows, in order; all cores read and convert, a few runs ahead."""
        n_cores = os.cpu_count() or 1
        with ThreadPoolExecutor(n_cores) as pool:
            ahead: deque[Future[T]] = deque()
            for run in self._runs():
                ahead.append(pool.submit(self._convert, convert, run))
                if RUNS_AHEAD_PER_CORE * n_cores < len(ahead):
                    yield ahead.popleft().result()
            yield from (future.result() for future in ahead)

    def _convert(self, convert: Callable[[Floats], T], run: tuple[int, int]) -> T:
        return convert(self.read(*run))

    def _runs(self) -> Iterator[tuple[int, int]]:
        n_rows = max(1, CHUNK_ELEMENTS // self.n_columns)
        return ((start, min(self.n_rows, start + n_rows)) for start in range(0, self.n_rows, n_rows))


def from_array(array: NDArray[np.generic], label: str = "") -> Matrix:
    """Return a matrix that is in memory already."""
    rows = np.atleast_2d(array).astype(np.float32)
    return Matrix(rows.shape[0], rows.shape[1], lambda start, stop: rows[start:stop], label)


def stacked(parts: Sequence[Matrix], label: str = "") -> Matrix:
    """Return the parts one below the other."""
    ends = list(accumulate(part.n_rows for part in parts))
    starts = [end - part.n_rows for part, end in zip(parts, ends, strict=True)]

    def read(start: int, stop: int) -> Floats:
        pieces = [
            part.read(max(start, first) - first, min(stop, end) - first)
            for part, first, end in zip(parts, starts, ends, strict=True)
            if start < end and first < stop
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    return Matrix(ends[-1], parts[0].n_columns, read, label or parts[0].label)


def interleaved(first: Matrix, second: Matrix) -> Matrix:
    """Return row 0 of each, then row 1 of each, and so on."""
    assert (first.n_rows, first.n_columns) == (second.n_rows, second.n_columns)

    def read(start: int, stop: int) -> Floats:
        low, high = start // 2, (stop + 1) // 2
        pairs = np.stack([first.read(low, high), second.read(low, high)], axis=1)
        return pairs.reshape(-1, first.n_columns)[start - 2 * low : stop - 2 * low]

    return Matrix(2 * first.n_rows, first.n_columns, read, first.label)


def sliced(matrix: Matrix, start: int, stop: int) -> Matrix:
    """Return rows `start` to `stop`."""
    assert 0 <= start <= stop <= matrix.n_rows
    return replace(matrix, n_rows=stop - start, read=lambda low, high: matrix.read(start + low, start + high))


def permuted(matrix: Matrix, order: NDArray[np.int64]) -> Matrix:
    """Return the rows named by `order`; cheap when near rows stay near."""

    def read(start: int, stop: int) -> Floats:
        wanted = order[start:stop]
        low = int(wanted.min())
        return matrix.read(low, int(wanted.max()) + 1)[wanted - low]

    return replace(matrix, n_rows=len(order), read=read)


def scaled(matrix: Matrix, factor: float) -> Matrix:
    """Return the matrix times a number."""
    if factor == 1.0:
        return matrix
    return replace(matrix, read=lambda start, stop: matrix.read(start, stop) * np.float32(factor))


def transposed(matrix: Matrix) -> Matrix:
    """Return rows as columns; reads the whole matrix for each run."""
    return replace(
        matrix,
        n_rows=matrix.n_columns,
        n_columns=matrix.n_rows,
        read=lambda start, stop: np.ascontiguousarray(matrix.whole().T[start:stop]),
    )


def scaled_in_tiles(matrix: Matrix, scales: Floats, tile: tuple[int, int]) -> Matrix:
    """Return the matrix with each tile of rows and columns times its scale, [row tiles, column tiles]."""
    tile_rows, tile_columns = tile

    def read(start: int, stop: int) -> Floats:
        by_row = scales[np.arange(start, stop) // tile_rows]
        return matrix.read(start, stop) * np.repeat(by_row, tile_columns, axis=1)[:, : matrix.n_columns]

    return replace(matrix, read=read)


def low_rank_update(matrix: Matrix, left: Floats, right: Floats, factor: float) -> Matrix:
    """Return matrix + factor · left @ right; `left` [n_rows, rank], `right` [rank, n_columns]."""

    def read(start: int, stop: int) -> Floats:
        update: Floats = (left[start:stop] @ right) * np.float32(factor)
        return matrix.read(start, stop) + update

    return replace(matrix, read=read)
