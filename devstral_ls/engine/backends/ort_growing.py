"""ONNX Runtime with a cache that grows: graphs of standard operators, as `--route optimum` exports them.

Such a graph returns present keys and values as new tensors, past and new tokens together. What it returned
is given back as past; going back to an earlier token copies the beginning of it.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends import KVCache
from devstral_ls.engine.backends.ort import Leash, open_session, run_bound
from devstral_ls.engine.manifest import Manifest
from devstral_ls.errors import BackendError

PAST, PRESENT = "past_key_values.", "present."

Shape = tuple[int, int]  # heads and numbers a head of one cached tensor


def open_backend(folder: Path, manifest: Manifest, *, provider: str, n_threads: int) -> "GrowingBackend":
    """Load the graph of a bundle on exactly the provider that was asked for."""
    return GrowingBackend(open_session(folder, provider=provider, n_threads=n_threads), manifest)


class GrowingCache:
    """Present keys and values of the last run, by name; [1, heads, n_tokens, head_dim] each."""

    __slots__ = ("_bytes_per_token", "capacity_tokens", "n_tokens", "tensors")

    def __init__(self, shapes: Iterable[tuple[str, Shape]], manifest: Manifest, capacity_tokens: int) -> None:
        self.capacity_tokens = capacity_tokens
        self.n_tokens = 0
        self.tensors = {name: _owned(np.zeros((1, heads, 0, size), np.float32)) for name, (heads, size) in shapes}
        self._bytes_per_token = manifest.kv_bytes_per_token

    @property
    def size_bytes(self) -> int:
        return self.n_tokens * self._bytes_per_token

    def rewind(self, n_tokens: int) -> None:
        """Keep the first `n_tokens`."""
        assert n_tokens <= self.n_tokens
        if n_tokens < self.n_tokens:
            self.take(self, n_tokens)

    def take(self, source: "GrowingCache", n_tokens: int) -> None:
        """Become the first `n_tokens` of another cache."""
        self.tensors = {name: _owned(tensor.numpy()[:, :, :n_tokens]) for name, tensor in source.tensors.items()}
        self.n_tokens = n_tokens


class GrowingBackend:
    """A session and the shapes of its cache."""

    def __init__(self, session: ort.InferenceSession, manifest: Manifest) -> None:
        self._session = session
        self._manifest = manifest
        self._leash = Leash()
        self._inputs = {given.name for given in session.get_inputs()}
        self._shapes = {
            given.name.removeprefix(PAST): _shape(given)
            for given in session.get_inputs()
            if given.name.startswith(PAST)
        }

    @property
    def vocab_size(self) -> int:
        return self._manifest.vocab_size

    @property
    def window_tokens(self) -> int:
        return self._manifest.window_tokens

    def new_cache(self, capacity_tokens: int) -> GrowingCache:
        """An empty cache; memory is taken by each run for what it holds."""
        return GrowingCache(self._shapes.items(), self._manifest, capacity_tokens)

    def logits(
        self, cache: KVCache, tokens: NDArray[np.int64], *, n_past: int, n_logits: int, cancel: CancelToken
    ) -> NDArray[np.float32]:
        """See `Backend.logits`."""
        assert isinstance(cache, GrowingCache)
        assert 0 < n_logits <= len(tokens)
        assert n_past + len(tokens) <= cache.capacity_tokens
        cache.rewind(n_past)
        io = self._bound(cache, tokens, n_logits)
        run_bound(self._session, io, cancel, self._leash)
        logits, *present = io.get_outputs()
        cache.tensors = dict(zip(self._shapes, present, strict=True))
        cache.n_tokens = n_past + len(tokens)
        rows: NDArray[np.float32] = logits.numpy()[0, -n_logits:]
        return rows

    def copy(self, source: KVCache, target: KVCache, n_tokens: int) -> None:
        """See `Backend.copy`."""
        assert isinstance(source, GrowingCache)
        assert isinstance(target, GrowingCache)
        target.take(source, n_tokens)

    def close(self) -> None:
        del self._session

    def _bound(self, cache: GrowingCache, tokens: NDArray[np.int64], n_logits: int) -> ort.IOBinding:
        n_past, n_total = cache.n_tokens, cache.n_tokens + len(tokens)
        feeds = {
            "input_ids": tokens[None],
            "attention_mask": np.ones((1, n_total), np.int64),
            "position_ids": np.arange(n_past, n_total)[None],
            "logits_from": np.array([len(tokens) - n_logits]),
        }
        io = self._session.io_binding()
        for name in feeds.keys() & self._inputs:
            io.bind_ortvalue_input(name, _owned(feeds[name]))
        io.bind_output("logits", "cpu")
        for name, tensor in cache.tensors.items():
            io.bind_ortvalue_input(PAST + name, tensor)
            io.bind_output(PRESENT + name, "cpu")
        return io


def _shape(given: ort.NodeArg) -> Shape:
    match given.shape, given.type:
        case [_, int(heads), _, int(size)], "tensor(float)":
            return heads, size
    raise BackendError(f"the cache {given.name} is {given.type} {given.shape}; export the model with --route fused")


def _owned(array: NDArray[np.generic]) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
