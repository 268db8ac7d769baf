"""MXFP4 weights: two 4-bit floats to a byte, and one power of two for 32 of them."""

import math

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import TensorDamaged
from onnx_export.matrix import Matrix
from onnx_export.safetensors_file import StoredTensor

BLOCK = 32
EXPONENT_BIAS = 127
VALUES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)

Floats = NDArray[np.float32]


def mxfp4_matrix(blocks: StoredTensor, scales: StoredTensor, n_columns: int) -> Matrix:
    """Return blocks [..., n_blocks, 16] with scales [..., n_blocks] as rows of `n_columns` floats."""
    n_rows, n_blocks = math.prod(blocks.shape[:-2]), n_columns // BLOCK
    if blocks.shape[-2:] != (n_blocks, BLOCK // 2) or math.prod(scales.shape) != n_rows * n_blocks:
        raise TensorDamaged(f"{blocks.name} is {list(blocks.shape)}, which is no MXFP4 for {n_columns} columns")

    def read(start: int, stop: int) -> Floats:
        packed = blocks.bytes_between(start * n_blocks * BLOCK // 2, stop * n_blocks * BLOCK // 2)
        exponents = scales.bytes_between(start * n_blocks, stop * n_blocks).astype(np.int32) - EXPONENT_BIAS
        pairs = np.stack([VALUES[packed & 0xF], VALUES[packed >> 4]], axis=-1).reshape(-1, BLOCK)
        rows: Floats = np.ldexp(pairs, exponents[:, None]).astype(np.float32).reshape(stop - start, n_columns)
        return rows

    return Matrix(n_rows, n_columns, read, label=blocks.name)
