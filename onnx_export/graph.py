"""An ONNX graph under construction: nodes now, weights later, each written once to the data file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
IR_VERSION = 10
CONTRIB = "com.microsoft"

CONTRIB_OPS = frozenset(
    {
        "FastGelu",
        "FusedMatMul",
        "GatherBlockQuantized",
        "GroupQueryAttention",
        "MatMulNBits",
        "MoE",
        "QMoE",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    }
)

ELEMENT_TYPES: dict[str, int] = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
}

Pieces = Iterator[tuple[NDArray[np.generic], ...]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in the data file; `same_bytes_as` names another one whose bytes it shares."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    same_bytes_as: str | None = None

    @property
    def size_bytes(self) -> int:
        return prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class WeightJob:
    """Some tensors that are made together, a piece of each at a time; each `pieces()` starts anew."""

    outputs: tuple[Stored, ...]
    pieces: Callable[[], Pieces]

    @property
    def size_bytes(self) -> int:
        return sum(output.size_bytes for output in self.outputs)


class Graph:
    """Nodes and weights in order; every value has a name that says where in the model it is."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.jobs: list[WeightJob] = []
        self.aliases: list[Stored] = []

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, ELEMENT_TYPES[dtype], list(shape)))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[int | str]) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, ELEMENT_TYPES[dtype], list(shape)))

    def node(self, op: str, *inputs: str, out: str, **attributes: Any) -> str:
        """Append a node with one output, called `out`."""
        return self.nodes_out(op, *inputs, out=(out,), **attributes)[0]

    def nodes_out(self, op: str, *inputs: str, out: Sequence[str], **attributes: Any) -> Sequence[str]:
        """Append a node with several outputs; an empty name leaves one out."""
        domain = CONTRIB if op in CONTRIB_OPS else ""
        name = next(output for output in out if output)
        self.nodes.append(helper.make_node(op, list(inputs), list(out), name=name, domain=domain, **attributes))
        return out

    def cast(self, name: str, dtype: str) -> str:
        """Convert a value; where it is a stored tensor, ONNX Runtime folds this once, at load."""
        return self.node("Cast", name, out=f"{name}.{dtype}", to=ELEMENT_TYPES[dtype])

    def constant(self, values: Sequence[int | float] | float, dtype: str = "int64") -> str:
        """A few numbers inside the graph itself, shared by all who ask for the same ones."""
        array = np.asarray(values, dtype)
        name = f"constant.{dtype}.{'x'.join(map(str, array.shape))}.{'_'.join(map(str, array.ravel()))}"
        self.constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str, array: NDArray[np.generic]) -> str:
        """A small tensor that is in memory already."""
        stored = Stored(name, str(array.dtype), array.shape)
        self.jobs.append(WeightJob((stored,), lambda: iter([(array,)])))
        return name

    def weights(self, job: WeightJob) -> None:
        self.jobs.append(job)

    def alias(self, name: str, original: str, shape: tuple[int, ...]) -> str:
        """The bytes of another tensor under another shape."""
        stored = next(output for job in self.jobs for output in job.outputs if output.name == original)
        assert prod(shape) == prod(stored.shape)
        self.aliases.append(Stored(name, stored.dtype, shape, same_bytes_as=original))
        return name

    def proto(self, name: str, places: Mapping[str, tuple[str, int]]) -> onnx.ModelProto:
        """The finished model; `places` says in which file and at which offset each stored tensor is."""
        stored = [output for job in self.jobs for output in job.outputs] + self.aliases
        initializers = [*self.constants.values(), *(_external(tensor, *places[tensor.name]) for tensor in stored)]
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="devstral-ls")


def _external(tensor: Stored, location: str, offset: int) -> onnx.TensorProto:
    proto = TensorProto(
        name=tensor.name,
        data_type=ELEMENT_TYPES[tensor.dtype],
        dims=tensor.shape,
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in (("location", location), ("offset", offset), ("length", tensor.size_bytes)):
        proto.external_data.add(key=key, value=str(value))
    return proto
