"""Weights as 8-bit or 4-bit blocks, multiplied by ONNX Runtime's integer kernels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.build import ExpertWeights, Linear
from onnx_export.encodings.floating import moe_attributes
from onnx_export.errors import Unsupported
from onnx_export.graph import Graph, Stored, WeightJob
from onnx_export.matrix import Matrix
from onnx_export.quantize import BLOCK, quantise
from onnx_export.report import QuantisationReport, WeightError, measure

Floats = NDArray[np.float32]

# Embedding and head lose most in 4 bits and are read least: they stay at 8.
TABLE_BITS = 8
# Integer activations inside the kernels: three times the decode speed of level 0 (see docs/export.md).
ACCURACY_LEVEL = 4


@dataclass(frozen=True, slots=True)
class _Packed:
    """The names under which a quantised matrix is stored."""

    codes: str
    scales: str
    bits: int
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class Blockwise:
    """`bits` of the layers' weights; `report` collects how far each is from the original."""

    activation: str
    bits: int
    report: QuantisationReport
    accuracy_level: int = ACCURACY_LEVEL

    def linear(self, graph: Graph, x: str, linear: Linear, at: str) -> str:
        packed = self._stored(graph, linear.weight, at, self.bits)
        bias = "" if linear.bias is None else self._bias(graph, linear.bias, at)
        return self._product(graph, x, packed, at, bias)

    def embedding(self, graph: Graph, ids: str, table: Matrix, at: str) -> str:
        packed = self._stored(graph, table, at, TABLE_BITS)
        n_blocks = -(-table.n_columns // BLOCK)
        flat = graph.alias(f"{at}.codes.flat", packed.codes, (table.n_rows, n_blocks * BLOCK * TABLE_BITS // 8))
        return graph.node(
            "GatherBlockQuantized",
            *(flat, ids, packed.scales),
            out=at,
            bits=TABLE_BITS,
            block_size=BLOCK,
            quantize_axis=1,
            gather_axis=0,
        )

    def head(self, graph: Graph, x: str, table: Matrix, at: str) -> str:
        return self._product(graph, x, self._stored(graph, table, at, TABLE_BITS), at)

    def tied_head(self, graph: Graph, x: str, table: Matrix, at: str) -> str:
        gather = next(node for node in graph.nodes if node.op_type == "GatherBlockQuantized")
        codes, scales = gather.input[0].removesuffix(".flat"), gather.input[2]
        return self._product(graph, x, _Packed(codes, scales, TABLE_BITS, table), at)

    def experts(self, graph: Graph, x: str, router_logits: str, weights: ExpertWeights, at: str) -> str:
        fc1 = self._expert_stack(graph, weights.gate_up, weights.n_experts, f"{at}.fc1")
        fc2 = self._expert_stack(graph, weights.down, weights.n_experts, f"{at}.fc2")
        fc1_bias = "" if weights.gate_up_bias is None else self._bias(graph, weights.gate_up_bias, f"{at}.fc1")
        fc2_bias = "" if weights.down_bias is None else self._bias(graph, weights.down_bias, f"{at}.fc2")
        return graph.node(
            "QMoE",
            *(x, router_logits, fc1.codes, fc1.scales, fc1_bias, fc2.codes, fc2.scales, fc2_bias),
            out=at,
            expert_weight_bits=self.bits,
            block_size=BLOCK,
            accuracy_level=self.accuracy_level,
            **moe_attributes(weights),
        )

    def _expert_stack(self, graph: Graph, stack: Matrix, n_experts: int, at: str) -> _Packed:
        if stack.n_columns % BLOCK:
            raise Unsupported(f"{stack.label} has {stack.n_columns} columns, no multiple of {BLOCK}; take fp32 or fp16")
        n_rows = stack.n_rows // n_experts
        codes = Stored(f"{at}.codes", "uint8", (n_experts, n_rows, stack.n_columns * self.bits // 8))
        scales = Stored(f"{at}.scales", "float16", (n_experts, n_rows, stack.n_columns // BLOCK))
        return self._packed(graph, stack, codes, scales, self.bits)

    def _stored(self, graph: Graph, matrix: Matrix, at: str, bits: int) -> _Packed:
        n_blocks = -(-matrix.n_columns // BLOCK)
        codes = Stored(f"{at}.codes", "uint8", (matrix.n_rows, n_blocks, BLOCK * bits // 8))
        scales = Stored(f"{at}.scales", "float16", (matrix.n_rows, n_blocks))
        return self._packed(graph, matrix, codes, scales, bits)

    def _packed(self, graph: Graph, matrix: Matrix, codes: Stored, scales: Stored, bits: int) -> _Packed:
        at = codes.name.removesuffix(".codes")
        graph.weights(WeightJob((codes, scales), lambda: self._pieces(matrix, at, bits)))
        if self.activation == "float16":
            return _Packed(codes.name, scales.name, bits, matrix)
        # Folded away when the session loads: two bytes a scale in the file, four in the kernels.
        return _Packed(codes.name, graph.cast(scales.name, self.activation), bits, matrix)

    def _pieces(self, matrix: Matrix, at: str, bits: int) -> Iterator[tuple[NDArray[np.generic], ...]]:
        for codes, scales, error in matrix.converted(lambda rows: _quantised(rows, bits)):
            self.report.add(at, error)
            yield codes, scales

    def _product(self, graph: Graph, x: str, packed: _Packed, at: str, bias: str = "") -> str:
        return graph.node(
            "MatMulNBits",
            *(x, packed.codes, packed.scales, *(["", "", bias] if bias else [])),
            out=at,
            K=packed.matrix.n_columns,
            N=packed.matrix.n_rows,
            bits=packed.bits,
            block_size=BLOCK,
            accuracy_level=self.accuracy_level,
        )

    def _bias(self, graph: Graph, bias: NDArray[np.float32], at: str) -> str:
        return graph.weight(f"{at}.bias", bias.astype(self.activation))


def _quantised(rows: Floats, bits: int) -> tuple[NDArray[np.uint8], NDArray[np.float16], WeightError]:
    quantised = quantise(rows, bits)
    error = measure(bits, rows, quantised.dequantised()[:, : rows.shape[1]])
    return quantised.packed(), quantised.scales, error
