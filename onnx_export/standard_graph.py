"""What is changed in a graph that optimum traced.

Either only the rows whose logits are asked for reach the head:

… ─▶ hidden [1, n, hidden] ─▶ MatMul ─▶ logits            before
… ─▶ hidden ─▶ Slice(logits_from …) ─▶ MatMul ─▶ logits   after

or all shapes are fixed, for providers that want them so: one text, a run of n tokens, a cache of the whole window.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# What families put between the head's product and the logits: scales, caps, casts.
ROW_WISE = frozenset({"Add", "Cast", "Div", "Identity", "Mul", "Tanh"})
ROWS_INPUT = "logits_from"


def ask_for_rows(model: onnx.ModelProto) -> bool:
    """Put a Slice before the head's product, with a new input `logits_from`; False where no such product is found."""
    graph = model.graph
    made_by = {output: node for node in graph.node for output in node.output}
    head = made_by.get("logits")
    while head is not None and head.op_type in ROW_WISE:
        head = next((made_by[name] for name in head.input if name in made_by and _varies(made_by, name)), None)
    if head is None or head.op_type != "MatMul":
        return False
    constants = {"rows.end": [2**62], "rows.axis": [1]}
    graph.initializer.extend(numpy_helper.from_array(np.array(at, np.int64), name) for name, at in constants.items())
    rows = helper.make_node("Slice", [head.input[0], ROWS_INPUT, *constants], ["rows.asked"], name="rows.asked")
    head.input[0] = rows.output[0]
    graph.node.insert(list(graph.node).index(head), rows)
    graph.input.append(helper.make_tensor_value_info(ROWS_INPUT, TensorProto.INT64, [1]))
    _rename_rows(graph)
    return True


def _varies(made_by: dict[str, onnx.NodeProto], name: str) -> bool:
    return made_by[name].op_type != "Constant"


def _rename_rows(graph: onnx.GraphProto) -> None:
    """There may be fewer logits than tokens now."""
    logits = next(output for output in graph.output if output.name == "logits")
    logits.type.tensor_type.shape.dim[1].dim_param = "n_logits"
    stale = [value for value in graph.value_info if value.name == "logits"]
    for value in stale:
        graph.value_info.remove(value)


def with_static_shapes(model: onnx.ModelProto, n_tokens: int, window_tokens: int) -> onnx.ModelProto:
    """Return the graph for runs of `n_tokens` behind a cache of `window_tokens`; weights are shared, not copied."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]  # inferred from the shapes of before
    sizes = {
        "batch_size": 1,
        "sequence_length": n_tokens,
        "past_sequence_length": window_tokens,
        "past_sequence_length + sequence_length": window_tokens + n_tokens,
    }
    for value in (*fixed.graph.input, *fixed.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.dim_value = sizes[dim.dim_param]
    return fixed
