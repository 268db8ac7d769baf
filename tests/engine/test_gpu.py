"""The same graph on a GPU; needs one, and a bundle exported for it in DEVSTRAL_LS_GPU_MODEL."""

import os
from pathlib import Path

import numpy as np
import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.manifest import read_manifest

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def backend() -> OrtBackend:
    folder = Path(os.environ["DEVSTRAL_LS_GPU_MODEL"])
    return open_backend(folder, read_manifest(folder), provider="cuda", n_threads=1)


def last_row(backend: OrtBackend, tokens: np.ndarray, n_chunk: int, cache: object) -> np.ndarray:
    for start in range(0, len(tokens), n_chunk):
        chunk = tokens[start : start + n_chunk]
        row = backend.logits(cache, chunk, n_past=start, n_logits=1, cancel=CancelToken())[-1]
    return row.copy()


@pytest.fixture(scope="module")
def tokens(backend: OrtBackend) -> np.ndarray:
    return np.random.default_rng(1).integers(40, backend.vocab_size, 200)


def test_chunks_change_nothing(backend: OrtBackend, tokens: np.ndarray) -> None:
    """Keys and values stay on the device between calls."""
    whole, chunked = (last_row(backend, tokens, n, backend.new_cache(512)) for n in (200, 64))
    assert int(whole.argmax()) == int(chunked.argmax())


def test_copy_is_as_good(backend: OrtBackend, tokens: np.ndarray) -> None:
    """A copied beginning goes on as its original does."""
    source, target = backend.new_cache(512), backend.new_cache(512)
    expected = last_row(backend, tokens, 200, source)
    backend.copy(source, target, 199)
    again = backend.logits(target, tokens[-1:], n_past=199, n_logits=1, cancel=CancelToken())[0]
    assert int(expected.argmax()) == int(again.argmax())
