"""Latent attention (MLA) on a cache of latents: one narrow "head" that all query heads share.

    k·q = (up_k c)·q = c·(up_kᵀ q)      so queries go through up_kᵀ, and latents c are cached as they are
    Σ p (up_v c) = up_v (Σ p c)         so values are latents too, and go through up_v after attention

For DeepSeek-V2-Lite that is 1,152 numbers a token and layer in the cache instead of 5,120.
The kernel rotates the first dimensions of a head, so a head is [rotated | latent].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.blocks.attention import PositionScale, attend, position_scale
from onnx_export.blocks.norm import Norm
from onnx_export.blocks.rope import Rope
from onnx_export.build import Build, Linear
from onnx_export.matrix import Matrix

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LatentQuery:
    """Heads of [rotated | plain]; `down` and `norm` come before where queries have a latent too."""

    up: Linear
    down: Linear | None = None
    norm: Norm | None = None

    def emit(self, build: Build, x: str, at: str) -> str:
        if self.down is not None and self.norm is not None:
            x = self.norm.emit(build, build.linear(x, self.down, f"{at}.down"), f"{at}.norm")
        return build.linear(x, self.up, f"{at}.up")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """`key_value_down` gives [rotated key | latent]; `key_value_up` is [n_heads · (n_plain + n_values), rank]."""

    query: LatentQuery
    key_value_down: Linear
    latent_norm: Norm
    key_value_up: Matrix
    output: Linear
    n_heads: int
    n_rotated: int
    n_plain: int
    n_values: int
    rank: int
    rope: Rope
    scale: float
    position_scale: PositionScale | None = None

    @property
    def n_kv_heads(self) -> int:
        return 1

    @property
    def head_dim(self) -> int:
        return self.n_rotated + self.rank

    def emit(self, build: Build, x: str, layer: int, at: str) -> str:
        """Return [1, n, n_heads · n_values]."""
        build.parameters.add(self.key_value_up.size)
        query = self._query(build, x, f"{at}.query")
        key = self._key(build, x, f"{at}.key")
        attended = attend(
            build,
            (query, key, key),  # the value's rotated part is attended to as well, and dropped after
            layer,
            at,
            rope=self.rope,
            num_heads=self.n_heads,
            kv_num_heads=1,
            scale=self.scale,
        )
        return self._values(build, attended, f"{at}.values")

    def emit_output(self, build: Build, x: str, at: str) -> str:
        return build.linear(x, self.output, f"{at}.output")

    def _query(self, build: Build, x: str, at: str) -> str:
        """[1, n, n_heads · (n_rotated + rank)]: the plain part through up_kᵀ."""
        graph = build.graph
        query = self.query.emit(build, x, at)
        if self.position_scale is not None:
            query = graph.node("Mul", query, position_scale(build, self.position_scale), out=f"{at}.scaled")
        by_head = _heads_first(build, query, self.n_heads, self.n_rotated + self.n_plain, f"{at}.by_head")
        sizes, names = graph.constant([self.n_rotated, self.n_plain]), (f"{at}.rotated", f"{at}.plain")
        rotated, plain = graph.nodes_out("Split", by_head, sizes, out=names, axis=-1)
        absorbed = graph.node("MatMul", plain, self._up_keys(build, at), out=f"{at}.absorbed")
        both = graph.node("Concat", rotated, absorbed, out=f"{at}.both", axis=-1)
        return _heads_last(build, both, self.n_heads * self.head_dim, f"{at}.flat")

    def _key(self, build: Build, x: str, at: str) -> str:
        """[1, n, n_rotated + rank]."""
        graph = build.graph
        both = build.linear(x, self.key_value_down, f"{at}.down")
        sizes, names = graph.constant([self.n_rotated, self.rank]), (f"{at}.rotated", f"{at}.latent")
        rotated, latent = graph.nodes_out("Split", both, sizes, out=names, axis=-1)
        normed = self.latent_norm.emit(build, latent, f"{at}.norm")
        return graph.node("Concat", rotated, normed, out=f"{at}.both", axis=-1)

    def _values(self, build: Build, attended: str, at: str) -> str:
        graph = build.graph
        by_head = _heads_first(build, attended, self.n_heads, self.head_dim, f"{at}.by_head")
        start, stop, axis = (graph.constant([number]) for number in (self.n_rotated, self.head_dim, -1))
        latents = graph.node("Slice", by_head, start, stop, axis, out=f"{at}.latents")
        values = graph.node("MatMul", latents, self._up_values(build, at), out=f"{at}.up")
        return _heads_last(build, values, self.n_heads * self.n_values, f"{at}.flat")

    def _up_keys(self, build: Build, at: str) -> str:
        """[n_heads, n_plain, rank]."""
        shape = (self.n_heads, self.n_plain, self.rank)
        return build.later(f"{at}.weight", shape, lambda: self._up()[:, : self.n_plain])

    def _up_values(self, build: Build, at: str) -> str:
        """[n_heads, rank, n_values]."""
        shape = (self.n_heads, self.rank, self.n_values)
        return build.later(f"{at}.weight", shape, lambda: self._up()[:, self.n_plain :].transpose(0, 2, 1))

    def _up(self) -> Floats:
        return self.key_value_up.whole().reshape(self.n_heads, self.n_plain + self.n_values, self.rank)


def _heads_first(build: Build, x: str, n_heads: int, size: int, at: str) -> str:
    """[1, n, n_heads · size] to [1, n_heads, n, size]."""
    graph = build.graph
    split = graph.node("Reshape", x, graph.constant([1, -1, n_heads, size]), out=f"{at}.split")
    return graph.node("Transpose", split, out=at, perm=[0, 2, 1, 3])


def _heads_last(build: Build, x: str, n_columns: int, at: str) -> str:
    """[1, n_heads, n, size] to [1, n, n_heads · size]."""
    graph = build.graph
    rows = graph.node("Transpose", x, out=f"{at}.rows", perm=[0, 2, 1, 3])
    return graph.node("Reshape", rows, graph.constant([1, -1, n_columns]), out=at)
