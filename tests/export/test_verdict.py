"""What the export says of the graph that it wrote."""

from pathlib import Path

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray

from devstral_ls.engine.manifest import GRAPH_NAME
from onnx_export.export import ExportOptions, plan_export, write_model
from onnx_export.verdict import GraphRunner, judge


class Forgetful(GraphRunner):
    """Its cache is one token short, as a wrong count of the past would make it."""

    def logits(self, tokens: NDArray[np.int64], n_past: int, logits_from: int = 0) -> NDArray[np.float32]:
        return super().logits(tokens, max(0, n_past - 1), logits_from)


@pytest.mark.parametrize("precision", ["fp32", "int4"])
def test_cache_that_forgets_is_doubtful(precision: str, tmp_path: Path) -> None:
    """The graph itself gives no doubts; driven one position off, it gives both."""
    plan = plan_export(tiny.read_tiny("mixtral").write(tmp_path / "checkpoint"), ExportOptions(precision=precision))
    write_model(plan, tmp_path)
    given = tmp_path / GRAPH_NAME, plan.decoder.vocab_size, plan.build.window_tokens
    assert [] == judge(*given).doubts
    doubts = judge(*given, runner=Forgetful).doubts
    assert ["computing a text at once and token by token", "computing a text again"] == [
        doubt.partition(" differs by ")[0] for doubt in doubts
    ]
