"""A model repository for Triton: its configuration is one by Triton's own schema, and its graph still runs."""

import importlib.util
import shutil
from importlib.metadata import files
from pathlib import Path
from types import ModuleType

import onnx
import onnxruntime
import pytest
import typer
from google.protobuf import text_format
from tiny import read_tiny
from typer.testing import CliRunner

from devstral_ls.engine import embedded_bundle
from onnx_export.cli import export
from onnx_export.errors import ExportError
from onnx_export.triton import lay_out_for_triton


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The embedded model, laid out."""
    shutil.copytree(embedded_bundle(), tmp_path / "bundle")
    lay_out_for_triton(tmp_path / "bundle", tmp_path / "repository")
    return tmp_path / "repository"


def schema() -> ModuleType:
    """Triton's model_config.proto, as its client package brings it; the package itself would import gRPC."""
    found = next(
        file for file in files("tritonclient") or () if file.name == "model_config_pb2.py" and "grpc" in file.parts
    )
    spec = importlib.util.spec_from_file_location("model_config_pb2", found.locate())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_configuration_follows_triton_s_schema(repository: Path) -> None:
    """Names, types and shapes are those of the graph, and a scalar is sent as a shape that is dropped."""
    (model,) = repository.iterdir()
    config = text_format.Parse((model / "config.pbtxt").read_text("utf-8"), schema().ModelConfig())
    graph = onnx.load(model / "1/model.onnx", load_external_data=False).graph
    assert (model.name, "onnxruntime", 0) == (config.name, config.backend, config.max_batch_size)
    assert [each.name for each in graph.input] == [each.name for each in config.input]
    assert [each.name for each in graph.output] == [each.name for each in config.output]
    by_name = {each.name: each for each in config.input}
    assert ("TYPE_INT64", [1, -1]) == (_type(by_name["input_ids"]), list(by_name["input_ids"].dims))
    assert [1] == list(by_name["total_sequence_length"].dims)
    assert by_name["total_sequence_length"].HasField("reshape")
    assert [1, -1, 8192] == list(config.output[0].dims)


def test_the_graph_finds_its_weights(repository: Path) -> None:
    """ONNX Runtime loads it from the folder of its version."""
    (model,) = repository.iterdir()
    session = onnxruntime.InferenceSession(model / "1/model.onnx", providers=["CPUExecutionProvider"])
    assert "input_ids" == session.get_inputs()[0].name
    assert {"manifest.json", "tokenizer.json", "LICENSE", "1", "config.pbtxt"} <= {
        path.name for path in model.iterdir()
    }


def test_the_exporter_writes_one(tmp_path: Path) -> None:
    """From a checkpoint, as a user asks for it; nothing else is left in the repository."""
    checkpoint = read_tiny("mixtral").write(tmp_path / "checkpoint")
    app = typer.Typer()
    app.command()(export)
    arguments = [str(checkpoint), str(tmp_path / "repository"), "--layout", "triton", "--name", "tiny"]
    ran = CliRunner().invoke(app, [*arguments, "--license", "Apache-2.0", "--window", "256"])
    assert 0 == ran.exit_code, ran.output
    assert ["tiny"] == [path.name for path in (tmp_path / "repository").iterdir()]
    assert 'name: "tiny"' in (tmp_path / "repository/tiny/config.pbtxt").read_text("utf-8")


def test_a_model_is_not_overwritten(repository: Path, tmp_path: Path) -> None:
    """The name is taken."""
    shutil.copytree(embedded_bundle(), tmp_path / "again")
    with pytest.raises(ExportError, match="exists already"):
        lay_out_for_triton(tmp_path / "again", repository)


def _type(tensor: object) -> str:
    kinds = schema().DataType
    return str(kinds.Name(tensor.data_type))  # type: ignore[attr-defined]  # protobuf's generated class
