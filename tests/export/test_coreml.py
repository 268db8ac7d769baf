"""CoreML: the fused graph is refused with the count that says why; the traced one gets shapes that never change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny
from test_optimum import TRACED, manifest

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort_static import StaticBackend, open_backend
from devstral_ls.engine.manifest import GRAPH_NAME, PREFILL_GRAPH_NAME
from devstral_ls.errors import BackendError
from onnx_export.coreml import Partition
from onnx_export.errors import Unsupported
from onnx_export.export import ExportOptions, plan_export
from onnx_export.optimum_route import RUN_TOKENS, fix_shapes
from onnx_export.parity import Outcome, compare

WINDOW_TOKENS = 192


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Partition]:
    """The fixture's graph with static shapes, and what CoreML would take of it."""
    folder = tmp_path_factory.mktemp("static")
    onnx.save(tiny.read_traced(TRACED), folder / GRAPH_NAME)
    return folder, fix_shapes(folder, WINDOW_TOKENS)


@pytest.fixture(scope="module")
def backend(exported: tuple[Path, Partition]) -> StaticBackend:
    """ONNX Runtime's CPU kernels, for want of a Mac."""
    described = replace(manifest(), window_tokens=WINDOW_TOKENS, kv_layout="static")
    return open_backend(exported[0], described, provider="cpu", n_threads=1)


def run(backend: StaticBackend, tokens: np.ndarray, cache: object, n_past: int = 0, n_logits: int = 1) -> np.ndarray:
    return backend.logits(cache, tokens, n_past=n_past, n_logits=n_logits, cancel=CancelToken()).copy()


def test_fused_graph_is_refused_with_its_partition(tmp_path: Path) -> None:
    """None of the operators that cost time would run there."""
    checkpoint = tiny.read_tiny("qwen3_moe").write(tmp_path)
    heavy = (
        r"CoreML takes \d+ of \d+ nodes and leaves .*GroupQueryAttention, .*MatMulNBits, QMoE.*; take --provider cpu"
    )
    with pytest.raises(Unsupported, match=heavy):
        plan_export(checkpoint, ExportOptions(provider="coreml"))


def test_every_shape_is_static(exported: tuple[Path, Partition]) -> None:
    """CoreML is told to refuse everything else."""
    for name, n_tokens in ((GRAPH_NAME, 1), (PREFILL_GRAPH_NAME, RUN_TOKENS)):
        graph = onnx.load(exported[0] / name, load_external_data=False).graph
        dims = [dim for value in (*graph.input, *graph.output) for dim in value.type.tensor_type.shape.dim]
        assert all(dim.HasField("dim_value") for dim in dims)
        assert n_tokens == graph.input[0].type.tensor_type.shape.dim[1].dim_value


def test_coreml_takes_the_products(exported: tuple[Path, Partition]) -> None:
    """All products and most nodes; the embedding's Gather stays on the CPU."""
    taken = exported[1]
    assert taken.n_products == taken.n_products_taken
    assert 0.8 < taken.n_taken / taken.n_nodes < 1
    assert "Gather" in taken.left


def test_logits_are_those_of_transformers(backend: StaticBackend) -> None:
    """A prompt in runs, the last of them filled up, then token by token."""
    tokens, reference = tiny.read_reference(TRACED)
    cache, n_prompt = backend.new_cache(WINDOW_TOKENS), RUN_TOKENS + 20
    rows = [run(backend, tokens[:n_prompt], cache, n_logits=n_prompt)]
    rows += [run(backend, tokens[index : index + 1], cache, index) for index in range(n_prompt, len(tokens))]
    assert Outcome.PASS == compare(np.concatenate(rows), reference, 1e-3).outcome


def test_rewinding_and_copying_forget(backend: StaticBackend) -> None:
    """What was computed behind the point of return leaves no trace, here and in a copy."""
    tokens, _ = tiny.read_reference(TRACED)
    cache, copied = backend.new_cache(WINDOW_TOKENS), backend.new_cache(WINDOW_TOKENS)
    expected = run(backend, tokens[:50], backend.new_cache(WINDOW_TOKENS))
    run(backend, np.concatenate([tokens[:40], tokens[::-1][:30]]), cache)
    backend.copy(cache, copied, 40)
    for each in (cache, copied):
        np.testing.assert_allclose(expected, run(backend, tokens[40:50], each, 40), atol=2e-4)


def test_graph_of_changing_shapes_is_refused(tmp_path: Path) -> None:
    """A folder that says static and is not is told in one line."""
    for name in (GRAPH_NAME, PREFILL_GRAPH_NAME):
        onnx.save(tiny.read_traced(TRACED), tmp_path / name)
    with pytest.raises(BackendError, match=r"^the graph takes input_ids .*, not a run of one length; [^\n]*$"):
        open_backend(tmp_path, manifest(), provider="cpu", n_threads=1)
