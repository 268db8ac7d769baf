"""A mixture of experts: one router, one fused node that runs only the chosen experts, maybe a shared expert.

x ─▶ router ─▶ logits ─▶ MoE / QMoE (softmax over the chosen ones) ─▶ times the model's own sum ─▶ + shared
"""

from dataclasses import dataclass

from onnx_export.blocks.dense import GatedDense
from onnx_export.build import Build, ExpertWeights, Linear


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureOfExperts:
    """`renormalised`: the weights of the chosen experts sum to `factor`; else to `factor` · their probabilities."""

    router: Linear  # [n_experts, hidden]
    weights: ExpertWeights
    renormalised: bool = True
    factor: float = 1.0
    shared: GatedDense | None = None

    def emit(self, build: Build, x: str, at: str) -> str:
        graph = build.graph
        logits = self._router_logits(build, x, f"{at}.router")
        mixed = build.experts(x, logits, self.weights, f"{at}.experts")
        if not self.renormalised:
            mixed = graph.node("Mul", mixed, self._chosen_probability(build, logits, at), out=f"{at}.weighted")
        if self.factor != 1.0:
            mixed = graph.node("Mul", mixed, build.scalar(self.factor), out=f"{at}.scaled")
        if self.shared is None:
            return mixed
        return graph.node("Add", mixed, self.shared.emit(build, x, f"{at}.shared"), out=f"{at}.with_shared")

    def _router_logits(self, build: Build, x: str, at: str) -> str:
        """[n, n_experts]; never quantised: a router that errs picks other experts."""
        graph = build.graph
        build.parameters.add(self.router.weight.size)
        stored = self.router.weight
        weight = build.later(f"{at}.weight", (stored.n_rows, stored.n_columns), stored.whole)
        logits = graph.node("FusedMatMul", x, weight, out=at, transB=1)
        if self.router.bias is not None:
            logits = graph.node("Add", logits, build.weight(f"{at}.bias", self.router.bias), out=f"{at}.biased")
        return graph.node("Reshape", logits, graph.constant([-1, self.weights.n_experts]), out=f"{at}.logits")

    def _chosen_probability(self, build: Build, logits: str, at: str) -> str:
        """[1, n, 1]: how much of the softmax over all experts falls on the chosen ones."""
        graph = build.graph
        probabilities = graph.node("Softmax", logits, out=f"{at}.probabilities", axis=-1)
        k = graph.constant([self.weights.n_active])
        chosen, _ = graph.nodes_out("TopK", probabilities, k, out=(f"{at}.chosen", f"{at}.chosen.index"), axis=-1)
        total = graph.node("ReduceSum", chosen, graph.constant([-1]), out=f"{at}.chosen.sum", keepdims=1)
        return graph.node("Unsqueeze", total, graph.constant([0]), out=f"{at}.chosen.sum.rows")
