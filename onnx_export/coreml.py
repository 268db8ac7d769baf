"""How much of a graph Apple's CoreML would take, counted by ONNX Runtime's own list."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime

from onnx_export.graph import CONTRIB

# ONNX Runtime's list for ML programs (coreml_supported_mlprogram_ops.md, 1.32), as far as decoders use it.
TAKEN = frozenset(
    {
        *("Add", "Argmax", "Cast", "Ceil", "Clip", "Concat", "Cos", "Div", "Elu", "Erf", "Exp", "GatherND", "Gelu"),
        *("Gemm", "Identity", "LayerNormalization", "LeakyRelu", "MatMul", "Max", "Mul", "Pow", "Range", "Reciprocal"),
        *("ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Round", "Shape", "Sigmoid", "Sin", "Slice"),
        *("Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze"),
    }
)
# Those that it takes with constant bounds only.
NEEDS_CONSTANTS = frozenset({"Slice", "Split"})
# A dimension beyond this goes to the CPU: the head of most vocabularies.
LONGEST_DIMENSION = 16_384


@dataclass(frozen=True, slots=True)
class Partition:
    """Nodes that CoreML takes, of all; in how many pieces; and the operators it leaves to the CPU."""

    n_taken: int
    n_nodes: int
    n_pieces: int
    n_products_taken: int
    n_products: int
    left: tuple[str, ...]

    def __str__(self) -> str:
        return f"CoreML takes {self.n_taken} of {self.n_nodes} nodes and leaves {', '.join(self.left)}"


def partition(nodes: Sequence[onnx.NodeProto], constants: Sequence[onnx.TensorProto] = ()) -> Partition:
    """Count by operator; a piece is a run of nodes, in the order of the graph, between two that the CPU keeps."""
    shapes = {each.name: each.dims for each in constants}
    taken = [_is_taken(node, shapes) for node in nodes]
    products = [is_taken for node, is_taken in zip(nodes, taken, strict=True) if node.op_type in PRODUCTS]
    left = {node.op_type for node, is_taken in zip(nodes, taken, strict=True) if not is_taken}
    n_pieces = sum(now and not before for before, now in zip([False, *taken], taken, strict=False))
    return Partition(sum(taken), len(nodes), n_pieces, sum(products), len(products), tuple(sorted(left)))


def partition_of_file(graph: Path) -> Partition:
    """Count what is left when ONNX Runtime has folded what static shapes make constant, as it does before it asks."""
    with tempfile.TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(scratch, "folded.onnx"))
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "folded.data")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        folded = onnx.load(options.optimized_model_filepath, load_external_data=False).graph
    return partition(folded.node, folded.initializer)


# What a decoder spends its time in.
PRODUCTS = frozenset({"Gemm", "MatMul", "MatMulNBits", "MoE", "QMoE", "GroupQueryAttention", "FusedMatMul"})


def _is_taken(node: onnx.NodeProto, constants: dict[str, Sequence[int]]) -> bool:
    if node.domain == CONTRIB or node.op_type not in TAKEN:
        return False
    if any(LONGEST_DIMENSION < size for name in node.input for size in constants.get(name, ())):
        return False
    return node.op_type not in NEEDS_CONSTANTS or all(name in constants for name in node.input[1:])
