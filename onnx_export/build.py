"""What all blocks share while a graph is built, and the small values they are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from onnx_export.graph import Graph, Stored, WeightJob
from onnx_export.matrix import Matrix, stacked

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Linear:
    """x @ weightᵀ + bias; weight [n_outputs, n_inputs]."""

    weight: Matrix
    bias: Floats | None = None


def packed(*linears: Linear) -> Linear:
    """Return several products of the same rows as one."""
    biases = [linear.bias for linear in linears]
    if all(bias is None for bias in biases):
        return Linear(stacked([linear.weight for linear in linears]))
    filled = [np.zeros(part.weight.n_rows, np.float32) if part.bias is None else part.bias for part in linears]
    return Linear(stacked([linear.weight for linear in linears]), np.concatenate(filled))


@dataclass(frozen=True, slots=True)
class Swiglu:
    """(up + beta) · gate · sigmoid(alpha · gate), gate and up clamped at `limit`."""

    alpha: float = 1.0
    beta: float = 0.0
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertWeights:
    """All experts of a layer, one below the other."""

    n_experts: int
    n_active: int
    gate_up: Matrix  # [n_experts * 2 * inner, hidden], gate and up interleaved
    down: Matrix  # [n_experts * hidden, inner]
    gate_up_bias: Floats | None = None  # [n_experts, 2 * inner]
    down_bias: Floats | None = None  # [n_experts, hidden]
    activation: Swiglu = field(default_factory=Swiglu)


class Encoding(Protocol):
    """How weights are stored and multiplied; one class for floats, one for blocks of integers."""

    @property
    def activation(self) -> str:
        """The numpy type of what flows between nodes."""
        ...

    def linear(self, graph: Graph, x: str, linear: Linear, at: str) -> str: ...

    def embedding(self, graph: Graph, ids: str, table: Matrix, at: str) -> str: ...

    def head(self, graph: Graph, x: str, table: Matrix, at: str) -> str: ...

    def tied_head(self, graph: Graph, x: str, table: Matrix, at: str) -> str:
        """Multiply by the table that `embedding` stored, without storing it again."""
        ...

    def experts(self, graph: Graph, x: str, router_logits: str, weights: ExpertWeights, at: str) -> str: ...


@dataclass(slots=True)
class ParameterCount:
    """Weights of the model, and how many of them one token touches."""

    total: int = 0
    active: int = 0

    def add(self, total: int, active: int | None = None) -> None:
        self.total += total
        self.active += total if active is None else active


@dataclass(frozen=True, slots=True)
class Build:
    """The graph, how weights are stored in it, and how long a text it can hold."""

    graph: Graph
    encoding: Encoding
    window_tokens: int
    parameters: ParameterCount = field(default_factory=ParameterCount)
    shared: dict[str, str] = field(default_factory=dict)  # values that several layers use, by purpose

    def linear(self, x: str, linear: Linear, at: str) -> str:
        self.parameters.add(linear.weight.size)
        return self.encoding.linear(self.graph, x, linear, at)

    def experts(self, x: str, router_logits: str, weights: ExpertWeights, at: str) -> str:
        total = weights.gate_up.size + weights.down.size
        self.parameters.add(total, total * weights.n_active // weights.n_experts)
        return self.encoding.experts(self.graph, x, router_logits, weights, at)

    def weight(self, name: str, array: NDArray[np.generic]) -> str:
        """A small tensor in the type of the activations."""
        return self.graph.weight(name, array.astype(self.encoding.activation))

    def later(self, name: str, shape: tuple[int, ...], make: Callable[[], NDArray[np.generic]]) -> str:
        """A tensor that is made when it is written: for those that are not small."""
        stored = Stored(name, self.encoding.activation, shape)
        self.graph.weights(WeightJob((stored,), lambda: iter([(make().astype(stored.dtype),)])))
        return name

    def scalar(self, value: float) -> str:
        return self.graph.constant(value, self.encoding.activation)
