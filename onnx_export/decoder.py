"""A whole decoder as values, and the graph that computes it.

    embedding ─▶ [norm ─▶ attention ─▶ + ─▶ norm ─▶ feed-forward ─▶ +] n_layers times ─▶ norm ─▶ head

Inputs and outputs are what `devstral_ls.engine` binds: see docs/export.md.
"""

from dataclasses import dataclass
from typing import Protocol

from onnx_export.blocks.attention import Attention
from onnx_export.blocks.norm import Norm
from onnx_export.build import Build
from onnx_export.matrix import Matrix


class FeedForward(Protocol):
    """A dense block or a mixture of experts."""

    def emit(self, build: Build, x: str, at: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, norms first."""

    attention_norm: Norm
    attention: Attention
    feed_forward_norm: Norm
    feed_forward: FeedForward


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """What an architecture says about a checkpoint; `head` is None when it is the embedding again."""

    embedding: Matrix  # [vocab, hidden]
    layers: tuple[Layer, ...]
    norm: Norm
    head: Matrix | None
    embedding_factor: float = 1.0
    residual_factor: float = 1.0
    logits_factor: float = 1.0
    n_experts: int = 0
    n_experts_per_token: int = 0

    @property
    def vocab_size(self) -> int:
        return self.embedding.n_rows

    @property
    def n_kv_heads(self) -> int:
        return self.layers[0].attention.n_kv_heads

    @property
    def head_dim(self) -> int:
        return self.layers[0].attention.head_dim

    def emit(self, build: Build) -> None:
        """Append the whole decoder to the graph."""
        self._declare(build)
        x = build.encoding.embedding(build.graph, "input_ids", self.embedding, "embedding")
        build.parameters.add(self.embedding.size)
        x = self._times(build, x, self.embedding_factor, "embedding.scaled")
        normed = self.layers[0].attention_norm.emit(build, x, "layers.0.attention_norm")
        for index in range(len(self.layers)):
            normed, x = self._layer(build, index, normed, x)
        logits = self._times(build, self._logits(build, normed), self.logits_factor, "head.scaled")
        logits = build.graph.node("Cast", logits, out="logits", to=1)
        # Every step needs one of them; here they cost a tenth of what they cost outside of the graph.
        build.graph.node("LogSoftmax", logits, out="log_probabilities", axis=-1)

    def _layer(self, build: Build, index: int, normed: str, x: str) -> tuple[str, str]:
        """Return the input of the next layer (or of the head), normed and not."""
        layer, at = self.layers[index], f"layers.{index}"
        is_last = index + 1 == len(self.layers)
        attended = layer.attention.emit(build, normed, index, f"{at}.attention")
        if is_last:
            # Only the rows whose logits are asked for go on: in a long prefill that saves most of a layer.
            attended = _asked_rows(build, attended, f"{at}.attention.asked")
            x = _asked_rows(build, x, f"{at}.input.asked")
        change = layer.attention.emit_output(build, attended, f"{at}.attention")
        change = self._times(build, change, self.residual_factor, f"{at}.attention.change")
        normed, x = layer.feed_forward_norm.emit_after_sum(build, x, change, f"{at}.feed_forward_norm")
        change = layer.feed_forward.emit(build, normed, f"{at}.feed_forward")
        change = self._times(build, change, self.residual_factor, f"{at}.feed_forward.change")
        if is_last:
            return self.norm.emit_after_sum(build, x, change, "norm")
        following = self.layers[index + 1].attention_norm
        return following.emit_after_sum(build, x, change, f"layers.{index + 1}.attention_norm")

    def _logits(self, build: Build, normed: str) -> str:
        if self.head is None:
            return build.encoding.tied_head(build.graph, normed, self.embedding, "head")
        build.parameters.add(self.head.size)
        return build.encoding.head(build.graph, normed, self.head, "head")

    def _times(self, build: Build, x: str, factor: float, at: str) -> str:
        return x if factor == 1.0 else build.graph.node("Mul", x, build.scalar(factor), out=at)

    def _declare(self, build: Build) -> None:
        graph, cache_type = build.graph, build.encoding.activation
        graph.input("input_ids", "int64", [1, "n"])
        graph.input("seqlens_k", "int32", [1])
        graph.input("total_sequence_length", "int32", [])
        graph.input("logits_from", "int64", [1])
        for name in ("logits", "log_probabilities"):
            graph.output(name, "float32", [1, "n_logits", self.vocab_size])
        cache: list[int | str] = [1, self.n_kv_heads, "capacity", self.head_dim]
        for index in range(len(self.layers)):
            for part in ("key", "value"):
                graph.input(f"past_key_values.{index}.{part}", cache_type, cache)
                graph.output(f"present.{index}.{part}", cache_type, cache)


def _asked_rows(build: Build, x: str, at: str) -> str:
    """Rows `logits_from` … n of [1, n, hidden]."""
    graph = build.graph
    end, axis = graph.constant([2**62]), graph.constant([1])
    return graph.node("Slice", x, "logits_from", end, axis, out=at)
