"""Gradients at the weights that a bundle will store: quantisation-aware steps, straight through the rounding.

Inside `rounded` the model holds what int8 or int4 make of its weights; outside, the weights themselves again.
A gradient that is taken inside and applied outside moves a weight until it rounds to another code:
the straight-through estimator of https://arxiv.org/abs/1308.3432.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from onnx_export.encodings.blockwise import TABLE_BITS
from onnx_export.pretrain.optimizer import is_matrix
from onnx_export.quantize import quantise

BITS = (4, 8)


@contextmanager
def rounded(model: nn.Module, bits: int) -> Iterator[None]:
    """Have the layers' matrices hold their nearest codes of `bits`, the embedding those of its own 8 bits."""
    kept = {p: p.detach().clone() for name, p in model.named_parameters() if _bits(name, p, bits)}
    try:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if stored_bits := _bits(name, parameter, bits):
                    parameter.copy_(_as_stored(parameter, stored_bits))
        yield
    finally:
        with torch.no_grad():
            for parameter, weights in kept.items():
                parameter.copy_(weights)


def _bits(name: str, parameter: nn.Parameter, bits: int) -> int:
    """How many a bundle spends on a weight of this parameter; 0 where it keeps floats."""
    if name == "embedding":
        return TABLE_BITS
    return bits if is_matrix(name, parameter) else 0


def _as_stored(weights: Tensor, bits: int) -> Tensor:
    rows = weights.detach().flatten(0, -2).cpu().numpy()
    return torch.from_numpy(quantise(rows, bits).dequantised()[:, : rows.shape[1]]).view(weights.shape)
