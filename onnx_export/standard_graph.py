"""What is changed in a graph that optimum traced: only the rows whose logits are asked for reach the head.

… ─▶ hidden [1, n, hidden] ─▶ MatMul ─▶ logits            before
… ─▶ hidden ─▶ Slice(logits_from …) ─▶ MatMul ─▶ logits   after
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
