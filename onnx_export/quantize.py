"""Block-wise quantisation: each run of 32 weights of a row shares one scale.

    weight ≈ (code - 2^(bits-1)) · scale        codes in bytes (8 bits) or two to a byte (4 bits, low one first)

Scales are rounded to float16 before the codes are chosen, so that what is stored is what was fitted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
# Candidates for the 4-bit scale, as the code that the largest weight of a block is sent to.
FIT_TARGETS = (-8.0, -7.2, -8.6)

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
    """Quantise rows [n_rows, n_columns]; columns are padded with zeros to whole blocks."""
    blocks = _blocks(rows)
    scales = _eight_bit_scales(blocks) if bits == 8 else _fitted_scales(blocks)
    return Quantised(_codes(blocks, scales, bits), scales, bits)


def quantise_to_nearest(rows: Floats, bits: int) -> Quantised:
    """Quantise with the scale that the largest weight of each block asks for: the plain method, for comparison."""
    blocks = _blocks(rows)
    scales = _eight_bit_scales(blocks) if bits == 8 else _storable(_largest(blocks) / FIT_TARGETS[0])
    return Quantised(_codes(blocks, scales, bits), scales, bits)


def _blocks(rows: Floats) -> Floats:
    n_rows, n_columns = rows.shape
    padding = -n_columns % BLOCK
    if padding:
        rows = np.pad(rows, ((0, 0), (0, padding)))
    return rows.reshape(n_rows, -1, BLOCK)


def _eight_bit_scales(blocks: Floats) -> NDArray[np.float16]:
    return _storable(np.abs(blocks).max(axis=-1) / np.float32(127))


def _fitted_scales(blocks: Floats) -> NDArray[np.float16]:
    """Round with a few scales around the plain one, fit each to its codes, keep the one that explains most.

    For codes c and weights w the best scale is c·w / c·c, and it explains (c·w)² / c·c of w·w.
    """
    largest = _largest(blocks)
    reciprocal = np.divide(1, largest, out=np.zeros_like(largest), where=largest != 0)
    best = np.zeros_like(largest)
    explained = np.full_like(largest, -1)
    levels = np.empty_like(blocks)
    for target in FIT_TARGETS:
        np.multiply(blocks, (reciprocal * np.float32(target))[..., None], out=levels)
        np.clip(np.rint(levels, out=levels), -8, 7, out=levels)
        products = np.einsum("...k,...k", levels, blocks)
        squares = np.maximum(np.einsum("...k,...k", levels, levels), 1)
        scales = products / squares
        gain = scales * products
        best = np.where(explained < gain, scales, best)
        np.maximum(explained, gain, out=explained)
    return _storable(best)


def _largest(blocks: Floats) -> Floats:
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
