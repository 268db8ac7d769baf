"""Every architecture computes what transformers computes: prefill, then token by token, past the original window."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray

from devstral_ls.engine.manifest import GRAPH_NAME
from onnx_export.build import Encoding, ExpertWeights, Linear
from onnx_export.encodings.blockwise import TABLE_BITS, Blockwise
from onnx_export.encodings.floating import Floating
from onnx_export.export import ExportOptions, plan_export, write_model
from onnx_export.graph import Graph
from onnx_export.matrix import Matrix
from onnx_export.parity import Outcome, compare
from onnx_export.quantize import quantise
from onnx_export.report import QuantisationReport
from onnx_export.verdict import GraphRunner

N_DECODED = 64
FP32_TOLERANCE = 1e-3
# With float32 activations the integer kernels differ from the float ones by rounding only.
EXACT_ACTIVATIONS_TOLERANCE = 1e-3
ARCHITECTURES = tiny.names()

Floats = NDArray[np.float32]
Alter = Callable[[Matrix], Matrix]

FLOAT32 = Floating(activation="float32", storage="float32")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_fp32_equals_transformers(name: str, tmp_path: Path) -> None:
    """Logits differ by less than a thousandth of their spread, and every choice is the same."""
    _, reference = tiny.read_reference(name)
    parity = compare(run(name, tmp_path, FLOAT32), reference, FP32_TOLERANCE)
    assert Outcome.PASS == parity.outcome, parity.reason


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_int4_equals_its_dequantised_weights(name: str, tmp_path: Path) -> None:
    """The integer kernels multiply by what the float kernels multiply by when given the dequantised weights."""
    stored = Blockwise(activation="float32", bits=4, report=QuantisationReport(), accuracy_level=0)
    expected = run(name, tmp_path / "expected", dequantised(4))
    parity = compare(run(name, tmp_path / "actual", stored), expected, EXACT_ACTIVATIONS_TOLERANCE)
    assert Outcome.PASS == parity.outcome, parity.reason


@dataclass(frozen=True, slots=True)
class Altered:
    """Float kernels, given the weights that other kernels would see."""

    layers: Alter
    tables: Alter
    activation: str = "float32"

    def linear(self, graph: Graph, x: str, linear: Linear, at: str) -> str:
        return FLOAT32.linear(graph, x, replace(linear, weight=self.layers(linear.weight)), at)

    def embedding(self, graph: Graph, ids: str, table: Matrix, at: str) -> str:
        return FLOAT32.embedding(graph, ids, self.tables(table), at)

    def head(self, graph: Graph, x: str, table: Matrix, at: str) -> str:
        return FLOAT32.head(graph, x, self.tables(table), at)

    def tied_head(self, graph: Graph, x: str, table: Matrix, at: str) -> str:
        return FLOAT32.tied_head(graph, x, table, at)

    def experts(self, graph: Graph, x: str, router_logits: str, weights: ExpertWeights, at: str) -> str:
        weights = replace(weights, gate_up=self.layers(weights.gate_up), down=self.layers(weights.down))
        return FLOAT32.experts(graph, x, router_logits, weights, at)


def dequantised(bits: int) -> Altered:
    """The weights that integer kernels of so many bits multiply by."""
    return Altered(layers=there_and_back(bits), tables=there_and_back(TABLE_BITS))


def there_and_back(bits: int) -> Alter:
    def alter(rows: Floats) -> Floats:
        return quantise(rows, bits).dequantised()[:, : rows.shape[1]]

    return lambda matrix: replace(matrix, read=lambda start, stop: alter(matrix.read(start, stop)))


def run(name: str, folder: Path, encoding: Encoding) -> NDArray[np.float32]:
    """Prefill all but the last 64 tokens, decode those one by one."""
    checkpoint = tiny.read_tiny(name).write(folder)
    write_model(plan_export(checkpoint, ExportOptions(), encoding), folder)
    tokens, _ = tiny.read_reference(name)
    runner = GraphRunner(folder / GRAPH_NAME, len(tokens), n_threads=1)
    n_prefill = len(tokens) - N_DECODED
    rows = [runner.logits(tokens[:n_prefill], 0)]
    rows += [runner.logits(tokens[index : index + 1], index) for index in range(n_prefill, len(tokens))]
    return np.concatenate(rows)
