"""Traces a tiny checkpoint with optimum and keeps the graph without its weights, for tests that have no torch.

python benchmarks/export/make_traced_fixture.py [NAME]     in the environment of the extra `optimum`
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "export"))
import tiny

from onnx_export import traced
from onnx_export.checkpoint import open_checkpoint
from onnx_export.optimum_route import readable_by_transformers_4


def main(name: str = "qwen3") -> None:
    model = tiny.read_tiny(name)
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = model.write(Path(scratch, "checkpoint"))
        source = readable_by_transformers_4(open_checkpoint(checkpoint), Path(scratch, "source"))
        graph = onnx.load(traced.trace(traced.load(source), Path(scratch, "traced")))
    weights = {each.name: source for each in graph.graph.initializer if (source := source_of(each, model)) is not None}
    for each in graph.graph.initializer:
        if each.name in weights:
            each.ClearField("raw_data")
    graph.metadata_props.append(onnx.StringStringEntryProto(key=tiny.WEIGHTS_KEY, value=json.dumps(weights)))
    path = tiny.FIXTURES / f"{name}.traced.onnx"
    path.write_bytes(graph.SerializeToString())
    print(f"{path.name}: {path.stat().st_size} bytes, {len(weights)} weights left out")


def source_of(initializer: onnx.TensorProto, model: tiny.TinyModel) -> tuple[str, bool] | None:
    """Return the checkpoint's tensor that an initializer is, and whether it is transposed."""
    array = numpy_helper.to_array(initializer)
    for name, shape in model.shapes.items():
        value = tiny.values(name, shape)
        for is_transposed, wanted in ((False, value), (True, value.T)):
            if array.shape == wanted.shape and np.array_equal(array, wanted):
                return name, is_transposed
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
