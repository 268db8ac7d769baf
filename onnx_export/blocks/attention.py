"""Grouped-query attention on one cache that is past and present at once.

    x ─▶ q|k|v in one product ─▶ GroupQueryAttention (rotates, appends to the cache, attends) ─▶ output product

Query and key are taken apart first only when a model normalises them or scales queries by position.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from onnx_export.blocks.norm import Norm
from onnx_export.blocks.rope import Rope
from onnx_export.build import Build, Linear, packed

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PositionScale:
    """Queries at position p are multiplied by 1 + beta · log(1 + ⌊p / original_window⌋): Llama 4's long-text scale."""

    beta: float
    original_window: int


class Attention(Protocol):
    """One layer's attention; its cache is [1, n_kv_heads, capacity, head_dim] for keys and for values."""

    @property
    def n_kv_heads(self) -> int: ...

    @property
    def head_dim(self) -> int: ...

    def emit(self, build: Build, x: str, layer: int, at: str) -> str:
        """Return the attended rows, before the output product."""
        ...

    def emit_output(self, build: Build, x: str, at: str) -> str:
        """Multiply attended rows by the output weight."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedQueryAttention:
    """`scale` multiplies query · key; `sliding_window` counts the token itself."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    n_heads: int
    n_kv_heads: int
    head_dim: int
    rope: Rope
    scale: float
    sliding_window: int | None = None
    query_norm: Norm | None = None
    key_norm: Norm | None = None
    position_scale: PositionScale | None = None
    sinks: Floats | None = None  # [n_heads]: a logit that attends to nothing

    def emit(self, build: Build, x: str, layer: int, at: str) -> str:
        qkv = build.linear(x, packed(self.query, self.key, self.value), f"{at}.qkv")
        if self.query_norm is None and self.position_scale is None:
            return self._attend(build, (qkv, "", ""), layer, at)
        return self._attend(build, self._taken_apart(build, qkv, at), layer, at)

    def emit_output(self, build: Build, x: str, at: str) -> str:
        return build.linear(x, self.output, f"{at}.output")

    def _taken_apart(self, build: Build, qkv: str, at: str) -> tuple[str, str, str]:
        """Split the product and apply what comes between projection and rotation."""
        n_query, n_key = self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim
        sizes = build.graph.constant([n_query, n_key, n_key])
        names = (f"{at}.query", f"{at}.key", f"{at}.value")
        query, key, value = build.graph.nodes_out("Split", qkv, sizes, out=names, axis=-1)
        if self.query_norm is not None and self.key_norm is not None:
            query = _normed_heads(build, query, self.query_norm, n_query, f"{at}.query_norm")
            key = _normed_heads(build, key, self.key_norm, n_key, f"{at}.key_norm")
        if self.position_scale is not None:
            scale = position_scale(build, self.position_scale)
            query = build.graph.node("Mul", query, scale, out=f"{at}.query.scaled")
        return query, key, value

    def _attend(self, build: Build, qkv: tuple[str, str, str], layer: int, at: str) -> str:
        sinks = "" if self.sinks is None else build.weight(f"{at}.sinks", self.sinks)
        return attend(
            build,
            qkv,
            layer,
            at,
            rope=self.rope,
            sinks=sinks,
            num_heads=self.n_heads,
            kv_num_heads=self.n_kv_heads,
            scale=self.scale,
            local_window_size=sliding_limit(build, self.sliding_window),
        )


def attend(
    build: Build, qkv: tuple[str, str, str], layer: int, at: str, *, rope: Rope, sinks: str = "", **attributes: object
) -> str:
    """Append the fused operator; the cache is read and written in place."""
    past = (f"past_key_values.{layer}.key", f"past_key_values.{layer}.value")
    present = (f"present.{layer}.key", f"present.{layer}.value")
    inputs = [*qkv, *past, "seqlens_k", "total_sequence_length", *rope.emit(build), "", "", sinks]
    while not inputs[-1]:
        inputs.pop()
    attended, _, _ = build.graph.nodes_out(
        "GroupQueryAttention", *inputs, out=(f"{at}.attended", *present), do_rotary=1, **attributes
    )
    return attended


def sliding_limit(build: Build, sliding_window: int | None) -> int:
    """Return the kernel's attribute: -1 where the window never slides within the tokens that fit."""
    return -1 if sliding_window is None or build.window_tokens <= sliding_window else sliding_window


def position_scale(build: Build, scale: PositionScale) -> str:
    """Return the scale of each of the n rows, [n, 1], from a table of all positions; shared by the layers."""
    if "position_scale" not in build.shared:
        positions = np.arange(build.window_tokens)
        table = 1 + scale.beta * np.log1p(positions // scale.original_window)
        name = build.weight("position_scale.table", table.astype(np.float32)[:, None])
        build.shared["position_scale"] = _rows_at_positions(build, name, "position_scale")
    return build.shared["position_scale"]


def _rows_at_positions(build: Build, table: str, at: str) -> str:
    """Rows total - n … total of a table, where n tokens end at position total."""
    graph = build.graph
    shape = graph.node("Shape", "input_ids", out=f"{at}.n", start=1)
    total = graph.node("Cast", "total_sequence_length", out=f"{at}.total", to=7)
    stop = graph.node("Reshape", total, graph.constant([1]), out=f"{at}.stop")
    start = graph.node("Sub", stop, shape, out=f"{at}.start")
    return graph.node("Slice", table, start, stop, graph.constant([0]), out=at)


def _normed_heads(build: Build, x: str, norm: Norm, n_columns: int, at: str) -> str:
    """Normalise each head by itself: [1, n, heads · head_dim]."""
    graph = build.graph
    by_head = graph.node("Reshape", x, graph.constant([1, -1, norm.weight.size]), out=f"{at}.by_head")
    normed = norm.emit(build, by_head, at)
    return graph.node("Reshape", normed, graph.constant([1, -1, n_columns]), out=f"{at}.flat")
