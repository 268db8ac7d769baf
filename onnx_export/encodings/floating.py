"""Weights stored as they are multiplied (or as float16 and widened once, when the session loads)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.build import ExpertWeights, Linear
from onnx_export.graph import Graph, Stored, WeightJob
from onnx_export.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Floating:
    """`storage` is the type in the file, `activation` that of the arithmetic."""

    activation: str
    storage: str

    def linear(self, graph: Graph, x: str, linear: Linear, at: str) -> str:
        weight = self._stored(graph, linear.weight, at, (linear.weight.n_rows, linear.weight.n_columns))
        product = graph.node("FusedMatMul", x, weight, out=at, transB=1)
        return product if linear.bias is None else self._biased(graph, product, linear.bias, at)

    def embedding(self, graph: Graph, ids: str, table: Matrix, at: str) -> str:
        weight = self._stored(graph, table, at, (table.n_rows, table.n_columns))
        return graph.node("Gather", weight, ids, out=at, axis=0)

    def head(self, graph: Graph, x: str, table: Matrix, at: str) -> str:
        return self.linear(graph, x, Linear(table), at)

    def tied_head(self, graph: Graph, x: str, table: Matrix, at: str) -> str:
        del table
        embedding = next(node for node in graph.nodes if node.op_type == "Gather")
        return graph.node("FusedMatMul", x, embedding.input[0], out=at, transB=1)

    def experts(self, graph: Graph, x: str, router_logits: str, weights: ExpertWeights, at: str) -> str:
        n_experts, gate_up, down = weights.n_experts, weights.gate_up, weights.down
        fc1 = self._stored(graph, gate_up, f"{at}.fc1", (n_experts, gate_up.n_rows // n_experts, gate_up.n_columns))
        fc2 = self._stored(graph, down, f"{at}.fc2", (n_experts, down.n_rows // n_experts, down.n_columns))
        fc1_bias = self._bias(graph, weights.gate_up_bias, f"{at}.fc1")
        fc2_bias = self._bias(graph, weights.down_bias, f"{at}.fc2")
        return graph.node("MoE", x, router_logits, fc1, fc1_bias, fc2, fc2_bias, out=at, **moe_attributes(weights))

    def _stored(self, graph: Graph, matrix: Matrix, at: str, shape: tuple[int, ...]) -> str:
        stored = Stored(f"{at}.weight", self.storage, shape)
        graph.weights(WeightJob((stored,), lambda: matrix.converted(lambda rows: (rows.astype(self.storage),))))
        if self.storage == self.activation:
            return stored.name
        # Folded away when the session loads: the file stays small, the kernels get what they compute with.
        return graph.cast(stored.name, self.activation)

    def _bias(self, graph: Graph, bias: NDArray[np.float32] | None, at: str) -> str:
        return "" if bias is None else graph.weight(f"{at}.bias", bias.astype(self.activation))

    def _biased(self, graph: Graph, product: str, bias: NDArray[np.float32], at: str) -> str:
        return graph.node("Add", product, self._bias(graph, bias, at), out=f"{at}.biased")


def moe_attributes(weights: ExpertWeights) -> dict[str, object]:
    """Attributes that MoE and QMoE share; gate and up are interleaved because the CPU kernel knows no other order."""
    activation = weights.activation
    attributes: dict[str, object] = {
        "k": weights.n_active,
        "activation_type": "swiglu",
        "swiglu_fusion": 1,
        "activation_alpha": activation.alpha,
        "activation_beta": activation.beta,
        # The CPU QMoE always renormalises; blocks/experts.py undoes it where a model does not.
        "normalize_routing_weights": 1,
    }
    if activation.limit is not None:
        attributes["swiglu_limit"] = activation.limit
    return attributes
