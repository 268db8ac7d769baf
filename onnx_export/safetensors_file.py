"""One .safetensors file: its table of tensors, and runs of rows as float32, never the whole file."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import TensorDamaged, Unsupported
from onnx_export.matrix import Matrix

HEADER_LIMIT_BYTES = 100 << 20

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies in a file; nothing is read until rows are asked for."""

    name: str
    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def matrix(self) -> Matrix:
        """All but the last axis as rows; a vector is one row."""
        n_columns = self.shape[-1] if self.shape else 1
        n_rows = math.prod(self.shape[:-1])
        return Matrix(n_rows, n_columns, self._read, label=self.name)

    def bytes_between(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Some of the stored bytes, for packed formats."""
        return _read_bytes(self.path, self.offset + start, stop - start, self.name)

    def _read(self, start: int, stop: int) -> Floats:
        stored = _DTYPES[self.dtype]
        n_columns = self.shape[-1] if self.shape else 1
        row_bytes = n_columns * stored.itemsize
        raw = _read_bytes(self.path, self.offset + start * row_bytes, (stop - start) * row_bytes, self.name)
        rows = stored.decode(raw).reshape(stop - start, n_columns)
        if not np.isfinite(rows).all():
            raise TensorDamaged(f"{self.name} in {self.path.name} holds NaN or infinity; the checkpoint is damaged")
        return rows


def read_table(path: Path) -> dict[str, StoredTensor]:
    """Return the tensors of a file by name, after checking that the file is long enough for each."""
    size_bytes = path.stat().st_size
    header, data_start = _read_header(path, size_bytes)
    header.pop("__metadata__", None)
    return {name: _stored(path, name, entry, data_start, size_bytes) for name, entry in header.items()}


def _read_header(path: Path, size_bytes: int) -> tuple[dict[str, object], int]:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size_bytes < 8 + length or HEADER_LIMIT_BYTES < length:
            raise TensorDamaged(f"{path} is truncated or no safetensors file ({size_bytes} bytes); fetch it again")
        raw = stream.read(length)
    try:
        header = json.loads(raw)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise TensorDamaged(f"{path} has a damaged header ({error}); fetch it again") from error
    if not isinstance(header, dict):
        raise TensorDamaged(f"{path} has a header that is no object; fetch it again")
    return header, 8 + length


def _stored(path: Path, name: str, entry: object, data_start: int, size_bytes: int) -> StoredTensor:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise TensorDamaged(f"{path}: the entry of {name} is damaged; fetch the file again")
    if dtype not in _DTYPES:
        raise Unsupported(f"{path.name}: {name} is stored as {dtype}; known are {', '.join(_DTYPES)}")
    n_bytes = math.prod(shape) * _DTYPES[dtype].itemsize
    if begin < 0 or end - begin != n_bytes:
        raise TensorDamaged(f"{path}: {name} of shape {shape} needs {n_bytes} bytes, the table gives {end - begin}")
    if size_bytes < data_start + end:
        raise TensorDamaged(f"{path} is truncated: {name} ends at byte {data_start + end} of {size_bytes}")
    return StoredTensor(name, path, dtype, tuple(shape), data_start + begin)


def _read_bytes(path: Path, offset: int, n_bytes: int, name: str) -> NDArray[np.uint8]:
    raw = np.fromfile(path, np.uint8, count=n_bytes, offset=offset)
    if len(raw) != n_bytes:
        raise TensorDamaged(f"{path} ended while {name} was read; fetch it again")
    return raw


@dataclass(frozen=True, slots=True)
class _StoredType:
    itemsize: int
    decode: Callable[[NDArray[np.uint8]], Floats]


def _plain(dtype: type[np.generic]) -> _StoredType:
    return _StoredType(np.dtype(dtype).itemsize, lambda raw: raw.view(dtype).astype(np.float32))


def _bfloat16(raw: NDArray[np.uint8]) -> Floats:
    return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _float8(n_mantissa_bits: int, bias: int, *, has_infinity: bool) -> _StoredType:
    """Sign, exponent, mantissa in one byte, decoded through a table of all 256 values."""
    codes = np.arange(256)
    exponent = (codes & 0x7F) >> n_mantissa_bits
    fraction = (codes & ((1 << n_mantissa_bits) - 1)) / (1 << n_mantissa_bits)
    magnitude = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias))
    magnitude[(exponent == exponent.max()) if has_infinity else (codes & 0x7F) == 0x7F] = np.nan
    table = np.where(codes & 0x80, -magnitude, magnitude).astype(np.float32)
    return _StoredType(1, lambda raw: table[raw])


_DTYPES = {
    "F64": _plain(np.float64),
    "F32": _plain(np.float32),
    "F16": _plain(np.float16),
    "BF16": _StoredType(2, _bfloat16),
    "F8_E4M3": _float8(3, 7, has_infinity=False),
    "F8_E5M2": _float8(2, 15, has_infinity=True),
    "I8": _plain(np.int8),
    "U8": _plain(np.uint8),
    "I32": _plain(np.int32),
    "I64": _plain(np.int64),
}
