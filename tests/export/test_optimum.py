"""The other route: optimum's trace of transformers' class, and the growing cache that serves it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny
from safetensors.numpy import load_file, save_file
from test_served import serve_checkpoint

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort_growing import GrowingBackend, open_backend
from devstral_ls.engine.manifest import GRAPH_NAME, Manifest, read_manifest
from devstral_ls.errors import BackendError, Cancelled
from onnx_export.checkpoint import Settings
from onnx_export.errors import ExportError, Unsupported
from onnx_export.export import ExportOptions
from onnx_export.growing_runner import GrowingRunner
from onnx_export.optimum_route import plan_with_optimum, run_with_optimum, spelled_for_transformers_4
from onnx_export.parity import Outcome, compare
from onnx_export.standard_graph import ask_for_rows

FP32 = ExportOptions(precision="fp32")
TOLERANCE = 1e-3
N_PREFILL = 96
TRACED = "qwen3"
UNKNOWN_TO_OPTIMUM = {"deepseek_v2", "ministral3", "mistral3", "mistral4", "mixtral", "mixtral_tied", "starcoder2"}
KNOWN_TO_OPTIMUM = sorted(set(tiny.names()) - UNKNOWN_TO_OPTIMUM)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The traced graph of the fixture, as a model folder holds it."""
    folder = tmp_path_factory.mktemp("traced")
    graph = tiny.read_traced(TRACED)
    assert ask_for_rows(graph)
    onnx.save(graph, folder / GRAPH_NAME)
    return folder


@pytest.fixture(scope="module")
def backend(folder: Path) -> GrowingBackend:
    return open_backend(folder, manifest(), provider="cpu", n_threads=1)


def manifest() -> Manifest:
    """What the route writes of this checkpoint."""
    return Manifest(
        name="traced",
        architecture=TRACED,
        precision="fp32",
        window_tokens=256,
        vocab_size=tiny.VOCAB_SIZE,
        n_layers=3,
        n_kv_heads=2,
        head_dim=32,
        kv_dtype="float32",
        kv_bytes_per_token=3 * 2 * 2 * 32 * 4,
        n_experts=0,
        n_experts_per_token=0,
        n_parameters=1,
        n_active_parameters=1,
        bos_token_id=1,
        eos_token_ids=(2,),
        prompt_formats={"infill": None},
        capabilities=(),
        license="unknown",
        kv_layout="growing",
    )


def run(backend: GrowingBackend, tokens: np.ndarray, cache: object, n_past: int = 0, n_logits: int = 1) -> np.ndarray:
    return backend.logits(cache, tokens, n_past=n_past, n_logits=n_logits, cancel=CancelToken()).copy()


def test_standard_operators_only(folder: Path) -> None:
    """No node needs an operator that only ONNX Runtime's own providers have."""
    graph = onnx.load(folder / GRAPH_NAME).graph
    assert {""} == {node.domain for node in graph.node}


def test_logits_are_those_of_transformers(backend: GrowingBackend) -> None:
    """Prefill, then token by token, equal to what transformers 5 computed for the same checkpoint."""
    tokens, reference = tiny.read_reference(TRACED)
    cache = backend.new_cache(len(tokens))
    rows = [run(backend, tokens[:N_PREFILL], cache, n_logits=N_PREFILL)]
    rows += [run(backend, tokens[index : index + 1], cache, index) for index in range(N_PREFILL, len(tokens))]
    assert Outcome.PASS == compare(np.concatenate(rows), reference, TOLERANCE).outcome


def test_only_the_asked_rows_reach_the_head(backend: GrowingBackend) -> None:
    """The last three rows are those of the whole."""
    tokens, _ = tiny.read_reference(TRACED)
    whole = run(backend, tokens, backend.new_cache(256), n_logits=len(tokens))
    last = run(backend, tokens, backend.new_cache(256), n_logits=3)
    assert (3, tiny.VOCAB_SIZE) == last.shape
    np.testing.assert_allclose(whole[-3:], last, atol=2e-4)


def test_rewinding_forgets(backend: GrowingBackend) -> None:
    """What was computed behind the point of return leaves no trace, neither in logits nor in memory."""
    tokens, _ = tiny.read_reference(TRACED)
    fresh, rewound = backend.new_cache(256), backend.new_cache(256)
    run(backend, tokens[:40], fresh)
    run(backend, np.concatenate([tokens[:40], tokens[::-1][:30]]), rewound)
    expected = run(backend, tokens[40:50], fresh, 40)
    np.testing.assert_allclose(expected, run(backend, tokens[40:50], rewound, 40), atol=2e-4)
    assert 50 * manifest().kv_bytes_per_token == fresh.size_bytes == rewound.size_bytes


def test_copy_is_as_good(backend: GrowingBackend) -> None:
    """A copied beginning goes on as its original does, and the original does not notice."""
    tokens, _ = tiny.read_reference(TRACED)
    source, target = backend.new_cache(256), backend.new_cache(256)
    run(backend, tokens[:60], source)
    backend.copy(source, target, 40)
    np.testing.assert_allclose(
        run(backend, tokens[40:70], target, 40)[-1], run(backend, tokens[60:70], source, 60)[-1], atol=2e-4
    )


def test_cancelled_run_keeps_what_was_there(backend: GrowingBackend) -> None:
    """The cache holds the tokens of before."""
    tokens, _ = tiny.read_reference(TRACED)
    cache, cancel = backend.new_cache(256), CancelToken()
    run(backend, tokens[:40], cache)
    cancel.cancel()
    with pytest.raises(Cancelled):
        backend.logits(cache, tokens[40:], n_past=40, n_logits=1, cancel=cancel)
    np.testing.assert_allclose(
        run(backend, tokens[:50], backend.new_cache(256)), run(backend, tokens[40:50], cache, 40), atol=2e-4
    )


def test_cache_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A graph whose cache has no heads is told in one line."""
    graph = tiny.read_traced(TRACED)
    given = next(each for each in graph.graph.input if each.name.startswith("past_key_values"))
    given.type.tensor_type.shape.dim[1].dim_param = "heads"
    onnx.save(graph, tmp_path / GRAPH_NAME)
    with pytest.raises(BackendError, match=r"the cache past_key_values\.0\.key is .*--route fused"):
        open_backend(tmp_path, manifest(), provider="cpu", n_threads=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ExportOptions(precision="int4"), r"no precision 'int4'; take fp32, or --route fused"),
        (ExportOptions(precision="fp32", provider="cuda"), r"no provider 'cuda'; take cpu"),
        (ExportOptions(precision="fp32", lora=Path("adapter")), r"merges no adapter; merge it with PEFT first"),
    ],
)
def test_what_the_route_cannot_do_is_refused(options: ExportOptions, words: str, tmp_path: Path) -> None:
    """Before anything is read, with what to take instead."""
    with pytest.raises(Unsupported, match=words):
        plan_with_optimum(tmp_path, options)


@pytest.mark.skipif(importlib.util.find_spec("optimum") is not None, reason="the extra is installed here")
def test_missing_extra_is_told_with_the_command(tmp_path: Path) -> None:
    """One line on stderr says how to make the environment."""
    checkpoint = tiny.read_tiny(TRACED).write(tmp_path / "checkpoint")
    command = [sys.executable, "-m", "onnx_export", checkpoint, tmp_path / "out", "--route", "optimum"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 2 == told.returncode
    assert told.stderr.endswith(
        "in an environment of its own: python3 -m venv optimum && "
        "optimum/bin/pip install 'devstral-ls[cpu,export,optimum]'\n"
    )


def test_version_5_positions_are_spelled_for_version_4() -> None:
    """Version 4 would ignore `rope_parameters` without a word."""
    yarn = {"rope_type": "yarn", "factor": 8.0}
    raw = {"model_type": "qwen3_moe", "num_local_experts": 8, "rope_parameters": {"rope_theta": 5e5} | yarn}
    spelled = spelled_for_transformers_4(Settings(raw))
    assert (5e5, yarn, 8) == (spelled["rope_theta"], spelled["rope_scaling"], spelled["num_experts"])


def test_plain_positions_are_spelled_for_version_4() -> None:
    """Nothing is stretched where nothing was."""
    raw = {"model_type": "llama", "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}
    spelled = spelled_for_transformers_4(Settings(raw))
    assert (1e6, None) == (spelled["rope_theta"], spelled["rope_scaling"])


@pytest.mark.optimum
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", KNOWN_TO_OPTIMUM)
def test_route_equals_transformers_5(name: str, tmp_path: Path) -> None:
    """Traced from transformers 4, the graph computes what transformers 5 computed for the same checkpoint."""
    checkpoint = tiny.read_tiny(name).write(tmp_path / "checkpoint")
    exported = run_with_optimum(plan_with_optimum(checkpoint, FP32), tmp_path / "out")
    tokens, reference = tiny.read_reference(name)
    runner = GrowingRunner(exported.folder / GRAPH_NAME, len(tokens))
    rows = [runner.logits(tokens[:N_PREFILL], 0)]
    rows += [runner.logits(tokens[index : index + 1], index) for index in range(N_PREFILL, len(tokens))]
    parity = compare(np.concatenate(rows), reference, TOLERANCE)
    assert Outcome.PASS == parity.outcome, parity.reason
    assert "growing" == read_manifest(exported.folder).kv_layout


@pytest.mark.optimum
@pytest.mark.parametrize("name", sorted(UNKNOWN_TO_OPTIMUM))
def test_decoder_that_optimum_does_not_know(name: str, tmp_path: Path) -> None:
    """Refused by name; the day that one of these passes, the docs want a new line."""
    checkpoint = tiny.read_tiny(name).write(tmp_path / "checkpoint")
    with pytest.raises(Unsupported, match=r"optimum does not know the decoder '\w+'; take --route fused"):
        plan_with_optimum(checkpoint, FP32)


@pytest.mark.optimum
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda weights, name: weights[name].__setitem__((3, 5), np.nan), "holds NaN or infinity"),
        (lambda weights, name: weights.pop(name), "missing in the checkpoint: .*q_proj"),
        (lambda weights, name: weights.update({name: np.zeros((64, 64), np.float32)}), "transformers .* cannot load"),
    ],
)
def test_bad_weights(edit: object, words: str, tmp_path: Path) -> None:
    """One line, and no model folder."""
    checkpoint = tiny.read_tiny(TRACED).write(tmp_path / "checkpoint")
    weights = load_file(checkpoint / "model.safetensors")
    edit(weights, "model.layers.0.self_attn.q_proj.weight")
    save_file(weights, checkpoint / "model.safetensors")
    with pytest.raises(ExportError, match=words) as caught:
        run_with_optimum(plan_with_optimum(checkpoint, FP32), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.optimum
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "provider"), [("qwen3_moe", "cpu"), ("qwen3", "coreml")])
def test_traced_checkpoint_is_served(name: str, provider: str, tmp_path: Path) -> None:
    """`model add --route optimum`, then `complete --model`, which runs static shapes on the CPU as well."""
    answer = serve_checkpoint(name, tmp_path, "--route", "optimum", "--provider", provider)
    assert 0 < json.loads(answer)["metrics"]["n_generated_tokens"]
