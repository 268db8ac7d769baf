"""Block-wise quantisation: each run of 32 weights of a row shares one scale.

    weight ≈ (code - 2^(bits-1)) · scale        codes in bytes (8 bits) or two to a byte (4 bits, low one first)

Scales are rounded to float16 before the codes are chosen, so that codes fit what is stored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 32

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Quantised:
    """Rows of a matrix as codes [n_rows, n_blocks, BLOCK] and scales [n_rows, n_blocks]."""

    codes: Codes
    scales: NDArray[np.float16]
    bits: int

    def dequantised(self) -> Floats:
        """[n_rows, n_blocks * BLOCK]."""
        centred = self.codes.astype(np.float32) - (1 << (self.bits - 1))
        return (centred * self.scales.astype(np.float32)[..., None]).reshape(len(self.codes), -1)

    def packed(self) -> Codes:
        """[n_rows, n_blocks, BLOCK * bits / 8]."""
        if self.bits == 8:
            return self.codes
        packed: Codes = self.codes[..., 0::2] | (self.codes[..., 1::2] << np.uint8(4))
        return packed


def quantise(rows: Floats, bits: int) -> Quantised:
    """Round rows [n_rows, n_columns] to the nearest codes; columns are padded with zeros to whole blocks.

    Scales that are fitted to the codes move the weights less and cost more of the loss (docs/export.md).
    """
    blocks = as_blocks(rows)
    return with_scales(blocks, _eight_bit_scales(blocks) if bits == 8 else _four_bit_scales(blocks), bits)


def with_scales(blocks: Floats, scales: Floats, bits: int) -> Quantised:
    """Quantise blocks [n_rows, n_blocks, BLOCK] with scales [n_rows, n_blocks] that were chosen for them."""
    storable = _storable(scales)
    return Quantised(_codes(blocks, storable, bits), storable, bits)


def as_blocks(rows: Floats) -> Floats:
    """[n_rows, n_blocks, BLOCK]."""
    n_rows, n_columns = rows.shape
    padding = -n_columns % BLOCK
    if padding:
        rows = np.pad(rows, ((0, 0), (0, padding)))
    return rows.reshape(n_rows, -1, BLOCK)


def _eight_bit_scales(blocks: Floats) -> Floats:
    scales: Floats = np.abs(blocks).max(axis=-1) / np.float32(127)
    return scales


def _four_bit_scales(blocks: Floats) -> Floats:
    """The weight of largest magnitude is met exactly, by the code that has no opposite."""
    return largest_weights(blocks) / np.float32(-8)


def largest_weights(blocks: Floats) -> Floats:
    """Return the weight of largest magnitude of each block, with its sign."""
    high, low = blocks.max(axis=-1), blocks.min(axis=-1)
    largest: Floats = np.where(-low < high, high, low)
    return largest


def _storable(scales: Floats) -> NDArray[np.float16]:
    """Round to float16; a block of zeros (or of weights too small for float16) gets 1, which makes its codes zero."""
    rounded = scales.astype(np.float16)
    return np.where(rounded == 0, np.float16(1), rounded)


def _codes(blocks: Floats, scales: NDArray[np.float16], bits: int) -> Codes:
    middle = 1 << (bits - 1)
    levels = blocks * (1 / scales.astype(np.float32))[..., None]
    np.clip(np.rint(levels, out=levels), -middle, middle - 1, out=levels)
    codes: Codes = np.add(levels, middle, out=levels).astype(np.uint8)
    return codes
