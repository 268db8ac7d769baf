"""ONNX Runtime with shapes that never change, as CoreML wants them: `--route optimum --provider coreml`.

The folder holds one graph for a single token and one for a run of tokens; both take a cache of the whole window
and return it with the run appended. Tokens are kept at its end, so that the last ones are always in the same place:

cache in    [ unused … | past ]          mask 0 … 0 1 … 1
present     [ unused … | past | run ]    mask 0 … 0 1 … 1 1 … 1 (0 where the run is filled up)
cache next          [ … | past | run ]
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends import KVCache
from devstral_ls.engine.backends.ort import Leash, open_session, run_bound
from devstral_ls.engine.manifest import GRAPH_NAME, PREFILL_GRAPH_NAME, Manifest
from devstral_ls.errors import BackendError

PAST, PRESENT = "past_key_values.", "present."

Floats = NDArray[np.float32]


def open_backend(folder: Path, manifest: Manifest, *, provider: str, n_threads: int) -> "StaticBackend":
    """Load both graphs of a bundle on exactly the provider that was asked for."""
    names = (GRAPH_NAME, PREFILL_GRAPH_NAME)
    sessions = [open_session(folder, provider=provider, n_threads=n_threads, graph=name) for name in names]
    return StaticBackend(sessions, manifest)


class StaticCache:
    """Keys and values by name, [1, heads, window, head_dim] each, the newest token last."""

    __slots__ = ("_bytes_per_token", "capacity_tokens", "n_tokens", "tensors")

    def __init__(self, shapes: dict[str, list[int]], manifest: Manifest) -> None:
        self.capacity_tokens = manifest.window_tokens
        self.n_tokens = 0
        self.tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self._bytes_per_token = manifest.kv_bytes_per_token

    @property
    def size_bytes(self) -> int:
        return self.capacity_tokens * self._bytes_per_token

    def take(self, source: "StaticCache", n_tokens: int) -> None:
        """Become the first `n_tokens` of a cache, maybe of this one."""
        n_forgotten = source.n_tokens - n_tokens
        assert 0 <= n_forgotten
        self.tensors = {name: _shifted(tensor, n_forgotten) for name, tensor in source.tensors.items()}
        self.n_tokens = n_tokens


class StaticBackend:
    """Sessions by the length of the run that they take."""

    def __init__(self, sessions: list[ort.InferenceSession], manifest: Manifest) -> None:
        self._manifest = manifest
        self._leash = Leash()
        self._sessions = {_run_length(session): session for session in sessions}
        inputs = {each.name: each.shape for each in sessions[0].get_inputs()}
        self._shapes = {name.removeprefix(PAST): shape for name, shape in inputs.items() if name.startswith(PAST)}
        self._has_positions = "position_ids" in inputs

    @property
    def vocab_size(self) -> int:
        return self._manifest.vocab_size

    @property
    def window_tokens(self) -> int:
        return self._manifest.window_tokens

    def new_cache(self, capacity_tokens: int) -> StaticCache:
        """An empty cache; always of the whole window, because shapes never change."""
        assert capacity_tokens <= self.window_tokens
        return StaticCache(self._shapes, self._manifest)

    def logits(
        self, cache: KVCache, tokens: NDArray[np.int64], *, n_past: int, n_logits: int, cancel: CancelToken
    ) -> Floats:
        """See `Backend.logits`."""
        assert isinstance(cache, StaticCache)
        assert 0 < n_logits <= len(tokens)
        assert n_past + len(tokens) <= cache.capacity_tokens
        if n_past < cache.n_tokens:
            cache.take(cache, n_past)
        rows = [self._run(cache, run, cancel) for run in self._runs(tokens)]
        return np.concatenate(rows)[-n_logits:]

    def copy(self, source: KVCache, target: KVCache, n_tokens: int) -> None:
        """See `Backend.copy`."""
        assert isinstance(source, StaticCache)
        assert isinstance(target, StaticCache)
        target.take(source, n_tokens)

    def close(self) -> None:
        self._sessions.clear()

    def _runs(self, tokens: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Pieces that the longest graph takes."""
        longest = max(self._sessions)
        return (tokens[start : start + longest] for start in range(0, len(tokens), longest))

    def _run(self, cache: StaticCache, tokens: NDArray[np.int64], cancel: CancelToken) -> Floats:
        """Append a run; the logits of its tokens [n, vocab]."""
        n, n_past = len(tokens), cache.n_tokens
        length = min(each for each in self._sessions if n <= each)
        io = self._sessions[length].io_binding()
        for name, array in self._feeds(tokens, n_past, length).items():
            io.bind_cpu_input(name, array)
        io.bind_output("logits", "cpu")
        for name, tensor in cache.tensors.items():
            io.bind_cpu_input(PAST + name, tensor)
            io.bind_output(PRESENT + name, "cpu")
        run_bound(self._sessions[length], io, cancel, self._leash)
        logits, *present = (output.numpy() for output in io.get_outputs())
        window = self.window_tokens
        cache.tensors = {
            name: np.ascontiguousarray(tensor[:, :, n : n + window])
            for name, tensor in zip(cache.tensors, present, strict=True)
        }
        cache.n_tokens = n_past + n
        rows: Floats = logits[0, :n]
        return rows

    def _feeds(self, tokens: NDArray[np.int64], n_past: int, length: int) -> dict[str, NDArray[np.int64]]:
        """The run filled up to the graph's length with what the mask hides."""
        window, n = self.window_tokens, len(tokens)
        ids = np.zeros((1, length), np.int64)
        ids[0, :n] = tokens
        mask = np.zeros((1, window + length), np.int64)
        mask[0, window - n_past : window + n] = 1
        positions = np.minimum(np.arange(n_past, n_past + length), window - 1)[None]
        feeds = {"input_ids": ids, "attention_mask": mask}
        return feeds | ({"position_ids": positions} if self._has_positions else {})


def _run_length(session: ort.InferenceSession) -> int:
    shape = next(each.shape for each in session.get_inputs() if each.name == "input_ids")
    match shape:
        case [1, int(length)]:
            return length
    raise BackendError(f"the graph takes input_ids {shape}, not a run of one length; export the model again")


def _shifted(tensor: Floats, n_forgotten: int) -> Floats:
    """The same tokens without the last ones, at the end again."""
    shifted = np.zeros_like(tensor)
    shifted[:, :, n_forgotten:] = tensor[:, :, : tensor.shape[2] - n_forgotten]
    return shifted
