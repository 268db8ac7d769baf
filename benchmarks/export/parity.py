"""The parity matrix: every architecture and precision, against transformers or against its own dequantised weights.

python benchmarks/export/parity.py [--out benchmarks/results/export_parity]
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "export"))
import test_parity
import tiny
from test_parity import FLOAT32, Altered, dequantised

from onnx_export.build import Encoding
from onnx_export.encodings.blockwise import Blockwise
from onnx_export.encodings.floating import Floating
from onnx_export.matrix import Matrix
from onnx_export.parity import Parity, compare
from onnx_export.report import QuantisationReport

# Integer activations and routers of random weights: near ties between experts go either way.
LOOSE_TOLERANCE = 3.0
COLUMNS = {
    "fp32": "fp32 against transformers",
    "fp16": "fp16, against its rounded weights",
    "int4 exact": "int4, float activations, against its dequantised weights",
    "int4": "int4 as shipped, against its dequantised weights",
    "int8": "int8 as shipped, against its dequantised weights",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/export_parity"))
    arguments = parser.parse_args()
    matrix = {name: measure(name) for name in tiny.names()}
    facts = {
        "command": "python benchmarks/export/parity.py",
        "onnxruntime": version("onnxruntime"),
        "tokens": "96 prefilled, 64 decoded one by one, past the original window of 32 or 64",
    }
    told = {name: {column: asdict(parity) for column, parity in row.items()} for name, row in matrix.items()}
    arguments.out.with_suffix(".json").write_text(json.dumps(facts | {"matrix": told}, indent=1) + "\n")
    arguments.out.with_suffix(".md").write_text(table(matrix, facts))
    print(table(matrix, facts))


def measure(name: str) -> dict[str, Parity]:
    _, reference = tiny.read_reference(name)
    half = Floating(activation="float32", storage="float16")
    return {
        "fp32": compare(run(name, FLOAT32), reference, test_parity.FP32_TOLERANCE),
        "fp16": compare(run(name, half), run(name, Altered(rounded, rounded)), test_parity.FP32_TOLERANCE),
        "int4 exact": against_dequantised(name, bits=4, accuracy_level=0, tolerance=1e-3),
        "int4": against_dequantised(name, bits=4, accuracy_level=4, tolerance=LOOSE_TOLERANCE),
        "int8": against_dequantised(name, bits=8, accuracy_level=4, tolerance=LOOSE_TOLERANCE),
    }


def against_dequantised(name: str, *, bits: int, accuracy_level: int, tolerance: float) -> Parity:
    stored = Blockwise(activation="float32", bits=bits, report=QuantisationReport(), accuracy_level=accuracy_level)
    return compare(run(name, stored), run(name, dequantised(bits)), tolerance)


def rounded(matrix: Matrix) -> Matrix:
    return replace(matrix, read=lambda *run: matrix.read(*run).astype(np.float16).astype(np.float32))


def run(name: str, encoding: Encoding):  # noqa: ANN201
    with tempfile.TemporaryDirectory() as folder:
        return test_parity.run(name, Path(folder), encoding)


def table(matrix: dict[str, dict[str, Parity]], facts: dict[str, str]) -> str:
    lines = [
        "# Parity of exported graphs",
        "",
        f"Made by `{facts['command']}` with ONNX Runtime {facts['onnxruntime']}; {facts['tokens']}.",
        "Differences are in standard deviations of the reference's logits: largest, root mean square, same choice.",
        "AMBIGUOUS: the difference is within the tolerance, and only choices between near ties differ.",
        "The checkpoints are random, so their routers flip on noise: the last two columns bound nothing but blunders.",
        "",
        "| checkpoint | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, row in matrix.items():
        cells = [
            f"{parity.outcome.upper()} {parity.largest:.1e}, {parity.root_mean_square:.1e}, {parity.same_choice:.1%}"
            for parity in row.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
