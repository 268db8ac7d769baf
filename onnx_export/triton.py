"""A model folder laid out as Triton's model repository, for its ONNX Runtime backend.

REPOSITORY/NAME/config.pbtxt, NAME/1/model.onnx with its weights, and beside them what is no model: tokenizer,
manifest, licence. Triton serves logits and caches; whoever asks it decodes.
"""

import json
import re
import shutil
from pathlib import Path

import onnx

from devstral_ls.engine.manifest import GRAPH_NAME, WEIGHTS_NAME, read_manifest
from onnx_export.errors import ExportError

VERSION = "1"
CONFIG_NAME = "config.pbtxt"
_DIMENSION_ANY = -1
_TYPES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "TYPE_FP32",
    onnx.TensorProto.FLOAT16: "TYPE_FP16",
    onnx.TensorProto.BFLOAT16: "TYPE_BF16",
    onnx.TensorProto.INT32: "TYPE_INT32",
    onnx.TensorProto.INT64: "TYPE_INT64",
    onnx.TensorProto.BOOL: "TYPE_BOOL",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def lay_out_for_triton(folder: Path, repository: Path, *, provider: str = "cpu") -> Path:
    """Move the model in `folder` into a repository; the folder that Triton calls the model."""
    name = read_manifest(folder).name
    if not _NAME.fullmatch(name):
        raise ExportError(f"Triton names models after folders, and {name!r} is no name of one; see --name")
    model = repository / name
    if model.exists():
        raise ExportError(f"{model} exists already; remove it, or choose another --name")
    config = triton_config(name, onnx.load(folder / GRAPH_NAME, load_external_data=False), provider=provider)
    model.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, model)
    version = model / VERSION
    version.mkdir()
    for file in (GRAPH_NAME, WEIGHTS_NAME):
        if (model / file).exists():
            (model / file).rename(version / file)
    (model / CONFIG_NAME).write_text(config, encoding="utf-8")
    return model


def triton_config(name: str, model: onnx.ModelProto, *, provider: str = "cpu") -> str:
    """The text of `config.pbtxt`: every input and output with its type and shape, no batching over requests.

    Batches are off because the caches of requests grow apart; several instances share a GPU instead.
    """
    kind = "KIND_GPU" if provider == "cuda" else "KIND_CPU"
    parts = [f"name: {json.dumps(name)}", 'backend: "onnxruntime"', "max_batch_size: 0"]
    for title, values in (("input", model.graph.input), ("output", model.graph.output)):
        described = ",\n".join(f"  {_tensor(value)}" for value in values)
        parts.append(f"{title} [\n{described}\n]")
    parts.append(f"instance_group [ {{ kind: {kind} count: 1 }} ]")
    return "\n".join(parts) + "\n"


def _tensor(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    kind = _TYPES.get(tensor.elem_type)
    if kind is None:
        raise ExportError(f"Triton's backend knows no type for {value.name}")
    sizes = [each.dim_value if each.HasField("dim_value") else _DIMENSION_ANY for each in tensor.shape.dim]
    # A scalar: Triton sends no shape of rank 0, so that it is told to drop the one that it sends.
    shape = f"dims: [ {', '.join(map(str, sizes))} ]" if sizes else "dims: [ 1 ] reshape { shape: [ ] }"
    return f"{{ name: {json.dumps(value.name)} data_type: {kind} {shape} }}"
