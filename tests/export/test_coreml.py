"""CoreML is refused with the count that says why."""

from pathlib import Path

import pytest
import tiny

from onnx_export.errors import Unsupported
from onnx_export.export import ExportOptions, plan_export


def test_coreml_is_refused_with_its_partition(tmp_path: Path) -> None:
    """None of the operators that cost time would run there."""
    checkpoint = tiny.read_tiny("qwen3_moe").write(tmp_path)
    heavy = r"CoreML takes \d+ of \d+ nodes and leaves .*GroupQueryAttention, MatMulNBits, QMoE.*; take --provider cpu"
    with pytest.raises(Unsupported, match=heavy):
        plan_export(checkpoint, ExportOptions(provider="coreml"))
