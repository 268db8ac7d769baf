"""How much of a graph Apple's CoreML would take: the reason why there is no export for it."""

from dataclasses import dataclass

from onnx_export.graph import CONTRIB, Graph

# ONNX Runtime's own list for ML programs (coreml_supported_mlprogram_ops.md), as far as decoders use it.
TAKEN = frozenset(
    {
        *("Add", "Argmax", "Cast", "Ceil", "Clip", "Concat", "Cos", "Div", "Elu", "Erf", "Exp", "GatherND", "Gelu"),
        *("Gemm", "Identity", "LayerNormalization", "LeakyRelu", "MatMul", "Max", "Mul", "Pow", "Range", "Reciprocal"),
        *("ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Round", "Shape", "Sigmoid", "Sin", "Slice"),
        *("Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze"),
    }
)
# Those that it takes with constant bounds only; ours come from the request.
NEEDS_CONSTANTS = frozenset({"Slice"})


@dataclass(frozen=True, slots=True)
class Partition:
    """Nodes that CoreML takes, of all, and the operators it leaves to the CPU."""

    n_taken: int
    n_nodes: int
    left: tuple[str, ...]

    def __str__(self) -> str:
        return f"CoreML takes {self.n_taken} of {self.n_nodes} nodes and leaves {', '.join(self.left)}"


def partition(graph: Graph) -> Partition:
    """Count by operator; shapes that are not static would exclude more."""
    left = [node.op_type for node in graph.nodes if not _is_taken(node.op_type, node.domain)]
    return Partition(len(graph.nodes) - len(left), len(graph.nodes), tuple(sorted(set(left))))


def _is_taken(op: str, domain: str) -> bool:
    return domain != CONTRIB and op in TAKEN - NEEDS_CONSTANTS
