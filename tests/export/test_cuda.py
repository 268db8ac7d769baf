"""The graph for CUDA: half precision between all nodes, checked on the CPU as far as that goes, and on a GPU."""

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny
from onnx import TensorProto

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import open_backend
from devstral_ls.engine.manifest import GRAPH_NAME
from onnx_export.errors import Unsupported
from onnx_export.export import ExportOptions, plan_export, run_export, write_model
from onnx_export.parity import compare
from onnx_export.verdict import GraphRunner

LATENT = ("deepseek_v2", "mistral4")
FUSED = [name for name in tiny.names() if name not in LATENT]
# Random routers flip on rounding, so the bound is on the mean; the dense ones stay below a hundredth.
HALF_TOLERANCE_RMS = 0.03


def plan(name: str, folder: Path, precision: str = "fp16") -> Path:
    checkpoint = tiny.read_tiny(name).write(folder)
    write_model(plan_export(checkpoint, ExportOptions(precision=precision, provider="cuda")), folder)
    return folder / GRAPH_NAME


@pytest.mark.parametrize("precision", ["fp16", "int8", "int4"])
@pytest.mark.parametrize("name", ["mixtral", "qwen3_moe_unnormalised", "gpt_oss", "ministral3", "starcoder2"])
def test_everything_between_nodes_is_half(name: str, precision: str, tmp_path: Path) -> None:
    """CUDA's GroupQueryAttention and QMoE have no float32 kernels, so no weight may be float32."""
    graph = onnx.load(plan(name, tmp_path, precision), load_external_data=False).graph
    wide = [each.name for each in graph.initializer if each.data_type == TensorProto.FLOAT]
    assert [] == wide
    casts = [node.output[0] for node in graph.node if node.op_type == "Cast"]
    assert {"logits"} == {name for name in casts if "position_scale" not in name}


@pytest.mark.parametrize("name", FUSED)
def test_half_precision_is_near(name: str, tmp_path: Path) -> None:
    """ONNX Runtime's CPU kernels compute the same graph within the rounding of float16."""
    tokens, reference = tiny.read_reference(name)
    logits = GraphRunner(plan(name, tmp_path), len(tokens), n_threads=1).logits(tokens, 0)
    assert compare(logits, reference, HALF_TOLERANCE_RMS).root_mean_square < HALF_TOLERANCE_RMS


@pytest.mark.parametrize("name", LATENT)
def test_latent_attention_is_refused(name: str, tmp_path: Path) -> None:
    """Its heads are wider than CUDA's fused attention was ever seen to take."""
    checkpoint = tiny.read_tiny(name).write(tmp_path)
    with pytest.raises(Unsupported, match=r"latent attention is not proven on cuda; take --provider cpu"):
        plan_export(checkpoint, ExportOptions(precision="fp16", provider="cuda"))


def test_fp32_is_refused(tmp_path: Path) -> None:
    """The message says which precisions there are."""
    checkpoint = tiny.read_tiny("mixtral").write(tmp_path)
    with pytest.raises(Unsupported, match=r"take --precision fp16, int8 or int4"):
        plan_export(checkpoint, ExportOptions(precision="fp32", provider="cuda"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp16", "int8", "int4"])
@pytest.mark.parametrize("name", FUSED)
def test_gpu_equals_cpu(name: str, precision: str, tmp_path: Path) -> None:
    """The same graph on both providers: prefill, decode, and a rewind."""
    checkpoint = tiny.read_tiny(name).write(tmp_path / "checkpoint")
    options = ExportOptions(precision=precision, provider="cuda")
    exported = run_export(plan_export(checkpoint, options), tmp_path / "bundle")
    tokens, _ = tiny.read_reference(name)
    rows = {}
    for provider in ("cpu", "cuda"):
        backend = open_backend(exported.folder, exported.manifest, provider=provider, n_threads=0)
        cache = backend.new_cache(len(tokens))
        first = backend.logits(cache, tokens[:96], n_past=0, n_logits=96, cancel=CancelToken()).copy()
        backend.logits(cache, tokens[:8], n_past=96, n_logits=1, cancel=CancelToken())  # forgotten at once
        last = backend.logits(cache, tokens[96:], n_past=96, n_logits=64, cancel=CancelToken()).copy()
        rows[provider] = np.concatenate([first, last])
    assert compare(rows["cuda"], rows["cpu"], 1.0).root_mean_square < HALF_TOLERANCE_RMS


@pytest.mark.gpu
def test_gpu_decodes_faster_than_the_cpu(tmp_path: Path) -> None:
    """A smoke test of placement: one node on the wrong side makes decoding slower, not faster."""
    checkpoint = tiny.read_tiny("mixtral").write(tmp_path / "checkpoint")
    options = ExportOptions(precision="int4", provider="cuda")
    exported = run_export(plan_export(checkpoint, options), tmp_path / "bundle")
    backend = open_backend(exported.folder, exported.manifest, provider="cuda", n_threads=0)
    cache = backend.new_cache(128)
    tokens = np.arange(4, 5)
    backend.logits(cache, tokens, n_past=0, n_logits=1, cancel=CancelToken())
    start = time.perf_counter()
    for n_past in range(1, 101):
        backend.logits(cache, tokens, n_past=n_past, n_logits=1, cancel=CancelToken())
    assert (time.perf_counter() - start) / 100 < 0.005
