"""Normalisation, alone or fused with the residual sum before it.

x, change ──▶ Skip…Normalization ──▶ normed, x + change
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.build import Build

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Norm:
    """A root-mean-square norm, or with `bias` a full layer norm."""

    weight: Floats
    epsilon: float
    bias: Floats | None = None

    def emit(self, build: Build, x: str, at: str) -> str:
        """Normalise the last axis."""
        weights = self._weights(build, at)
        if self.bias is None:
            return build.graph.node(
                "SimplifiedLayerNormalization", x, *weights, out=at, axis=-1, epsilon=self.epsilon, stash_type=1
            )
        return build.graph.node("LayerNormalization", x, *weights, out=at, axis=-1, epsilon=self.epsilon)

    def emit_after_sum(self, build: Build, x: str, change: str, at: str) -> tuple[str, str]:
        """Return the normalised sum and the sum itself."""
        op = "SkipSimplifiedLayerNormalization" if self.bias is None else "SkipLayerNormalization"
        weights = self._weights(build, at)
        normed, _, _, total = build.graph.nodes_out(
            op, x, change, *weights, out=(at, "", "", f"{at}.sum"), epsilon=self.epsilon
        )
        return normed, total

    def _weights(self, build: Build, at: str) -> list[str]:
        build.parameters.add(self.weight.size)
        weights = [build.weight(f"{at}.weight", self.weight)]
        if self.bias is not None:
            weights.append(build.weight(f"{at}.bias", self.bias))
        return weights
