"""ONNX Runtime behind the seam, on a tiny exported mixture of experts."""

import mmap
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.manifest import read_manifest
from devstral_ls.errors import BackendError, Cancelled, OutOfMemory

TINY = Path(__file__).parent.parent / "export"  # the exporter's tiny checkpoints
N_TOKENS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder in fp32."""
    sys.path.insert(0, str(TINY))
    from tiny import read_tiny  # noqa: PLC0415 - after the line above

    from onnx_export.export import ExportOptions, plan_export, run_export  # noqa: PLC0415 - only these tests need onnx

    base = tmp_path_factory.mktemp("tiny")
    checkpoint = read_tiny("mixtral").write(base / "checkpoint")
    plan = plan_export(checkpoint, ExportOptions(precision="fp32", window_tokens=256, license="Apache-2.0"))
    return run_export(plan, base / "model", lambda _: None).folder


@pytest.fixture(scope="module")
def backend(folder: Path) -> OrtBackend:
    return open_backend(folder, read_manifest(folder), provider="cpu", n_threads=1)


@pytest.fixture(scope="module")
def tokens(backend: OrtBackend) -> np.ndarray:
    return np.random.default_rng(1).integers(3, backend.vocab_size, N_TOKENS)


def run(backend: OrtBackend, tokens: np.ndarray, n_chunk: int, cache: object = None, n_past: int = 0) -> np.ndarray:
    """All logits behind the last token, computed in chunks."""
    cache = cache or backend.new_cache(backend.window_tokens)
    for start in range(n_past, len(tokens), n_chunk):
        chunk = tokens[start : start + n_chunk]
        row = backend.logits(cache, chunk, n_past=start, n_logits=1, cancel=CancelToken())[-1]
    return row.copy()


@pytest.mark.parametrize("n_chunk", [1, 7, 32])
def test_chunks_change_nothing(backend: OrtBackend, tokens: np.ndarray, n_chunk: int) -> None:
    """Reading a prompt in chunks gives the logits of reading it at once, up to the order of float sums."""
    np.testing.assert_allclose(run(backend, tokens, N_TOKENS), run(backend, tokens, n_chunk), atol=2e-4)


def test_rewinding_changes_nothing(backend: OrtBackend, tokens: np.ndarray) -> None:
    """What was computed behind the point of return leaves no trace."""
    cache = backend.new_cache(backend.window_tokens)
    expected = run(backend, tokens, 8, cache).copy()
    run(backend, np.concatenate([tokens[:24], tokens[::-1]]), 8, cache, n_past=24)
    assert expected.tolist() == run(backend, tokens, 8, cache, n_past=24).tolist()


def test_copy_is_as_good(backend: OrtBackend, tokens: np.ndarray) -> None:
    """A copied beginning goes on as its original does."""
    source, target = backend.new_cache(backend.window_tokens), backend.new_cache(backend.window_tokens)
    expected = run(backend, tokens, 8, source)
    backend.copy(source, target, 40)
    assert expected.tolist() == run(backend, tokens, 8, target, n_past=40).tolist()


def test_several_rows(backend: OrtBackend, tokens: np.ndarray) -> None:
    """The last rows of one call are the last rows of single steps."""
    cache = backend.new_cache(backend.window_tokens)
    rows = backend.logits(cache, tokens, n_past=0, n_logits=3, cancel=CancelToken())
    singles = [run(backend, tokens[:end], end) for end in range(N_TOKENS - 2, N_TOKENS + 1)]
    np.testing.assert_allclose(np.stack(singles), rows, atol=2e-4)


def test_log_probabilities_are_the_logits_less_their_sum(folder: Path, backend: OrtBackend, tokens: np.ndarray) -> None:
    """What the graph sums up is what would be summed up outside; graphs without it are read as before."""
    older = replace(read_manifest(folder), log_probabilities=False)
    raw = run(open_backend(folder, older, provider="cpu", n_threads=1), tokens, 8)
    assert 0.01 < abs(np.logaddexp.reduce(raw))
    np.testing.assert_allclose(raw - np.logaddexp.reduce(raw), run(backend, tokens, 8), atol=1e-5)


def test_cancelled_before_it_runs(backend: OrtBackend, tokens: np.ndarray) -> None:
    """A token that is set already stops the run, and the session goes on working."""
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        backend.logits(backend.new_cache(64), tokens, n_past=0, n_logits=1, cancel=cancel)
    assert np.isfinite(run(backend, tokens, 8)).all()


class CancelledInTime(CancelToken):
    """Set after the backend has looked and before the run begins."""

    def raise_if_cancelled(self) -> None:
        super().raise_if_cancelled()
        self.cancel()


def test_cancelled_run_ends(backend: OrtBackend, tokens: np.ndarray) -> None:
    """A run is terminated by the token, and what was cached before it still holds."""
    cache = backend.new_cache(backend.window_tokens)
    expected = run(backend, tokens, 8)
    run(backend, tokens[:24], 8, cache)
    with pytest.raises(Cancelled):
        backend.logits(cache, tokens[24:], n_past=24, n_logits=1, cancel=CancelledInTime())
    assert expected.tolist() == run(backend, tokens, 8, cache, n_past=24).tolist()


def test_memory_is_counted_as_it_fills(backend: OrtBackend, tokens: np.ndarray) -> None:
    """A cache weighs what was written to it, not what it could hold."""
    half, whole = backend.new_cache(backend.window_tokens), backend.new_cache(backend.window_tokens)
    run(backend, tokens[: N_TOKENS // 2], 8, half)
    run(backend, tokens, 8, whole)
    assert [0, 2] == [backend.new_cache(9).size_bytes, whole.size_bytes / half.size_bytes]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_memory_for_a_cache_is_one_line(backend: OrtBackend) -> None:
    """More than the system can give is told as such."""
    with pytest.raises(OutOfMemory, match=r"no memory for a cache of [0-9,]+ tokens on cpu"):
        backend.new_cache(1 << 50)


def test_memory_is_given_back(backend: OrtBackend) -> None:
    """A dropped cache leaves nothing behind, though others lie beside it, and one in its place is taken as it fills."""
    full = backend.new_cache(4 * backend.window_tokens)
    caches = [backend.new_cache(full.capacity_tokens) for _ in range(32)]
    before = resident_bytes()
    for cache in caches:
        backend.copy(full, cache, full.capacity_tokens)
    taken = resident_bytes() - before
    del cache, caches[::2]
    caches += [backend.new_cache(full.capacity_tokens) for _ in range(16)]
    assert resident_bytes() - before == pytest.approx(taken / 2, rel=0.1)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.parametrize(("provider", "problem"), [("tpu", "known are cpu"), ("cuda", "install devstral-ls")])
def test_provider_is_not_replaced(folder: Path, provider: str, problem: str) -> None:
    """What was asked for and is not there is an error, never a silent CPU."""
    with pytest.raises(BackendError, match=problem):
        open_backend(folder, read_manifest(folder), provider=provider, n_threads=1)


def test_broken_graph_is_one_line(folder: Path, tmp_path: Path) -> None:
    """A graph that does not load is told in one line."""
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(BackendError, match=r"^[^\n]*cannot load[^\n]*$"):
        open_backend(tmp_path, read_manifest(folder), provider="cpu", n_threads=1)
