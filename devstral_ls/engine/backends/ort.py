"""ONNX Runtime as a backend: one static key-value buffer a cache, bound as past and present."""

import math
import mmap
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends import KVCache
from devstral_ls.engine.manifest import GRAPH_NAME, Manifest
from devstral_ls.errors import BackendError, Cancelled, OutOfMemory

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "coreml": "CoreMLExecutionProvider"}
# What CoreML calls its newer format takes more operators; shapes that change it would take to the CPU.
PROVIDER_OPTIONS = {"coreml": {"ModelFormat": "MLProgram", "RequireStaticInputShapes": "1"}}
KV_DTYPES = {"float32": np.float32, "float16": np.float16, "int8": np.int8}

# Bindings are kept for the chunk lengths that come again and again.
BINDINGS_LIMIT = 16

# onnxruntime 1.32 reads this entry before each bound run; where it is missing, a C++ exception is thrown
# and caught, which takes as long as a sixth of a small model's step.
_NO_CAPTURE = ("gpu_graph_id", "-1")

# How CUDA, the runtime's own arenas and the C++ library say that memory is used up.
_NO_MEMORY = ("out of memory", "failed to allocate memory", "bad_alloc", "bad allocation", "requested bytes")

# ONNX Runtime's exceptions share no base class of their own, and bound runs raise the plain RuntimeError.
_ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    *(error for error in vars(ort_errors).values() if isinstance(error, type) and issubclass(error, Exception)),
)
_NO_BUFFER: tuple[type[Exception], ...] = (*_ORT_ERRORS, OSError, OverflowError, MemoryError)


def open_backend(folder: Path, manifest: Manifest, *, provider: str, n_threads: int) -> "OrtBackend":
    """Load the graph of a bundle on exactly the provider that was asked for."""
    session = open_session(folder, provider=provider, n_threads=n_threads)
    return OrtBackend(session, manifest, device="cuda" if provider == "cuda" else "cpu")


def open_session(folder: Path, *, provider: str, n_threads: int, graph: str = GRAPH_NAME) -> ort.InferenceSession:
    """A graph of a bundle, loaded; a provider that is not there is refused, never replaced."""
    name = _provider(provider)
    options = _session_options(n_threads)
    providers = [name] if provider == "cpu" else [(name, PROVIDER_OPTIONS.get(provider, {})), PROVIDERS["cpu"]]
    try:
        session = ort.InferenceSession(str(folder / graph), options, providers=providers)
    except _ORT_ERRORS as error:
        raise _told(error, f"ONNX Runtime cannot load {folder.name} on {provider}") from error
    if session.get_providers()[0] != name:
        raise BackendError(f"ONNX Runtime fell back from {provider} to {session.get_providers()[0]}; choose cpu")
    return session


class Leash:
    """Run options that end with a token; what was terminated stays dead, so each token has its own.

    A request has one token for all its steps, and making options takes as long as a fiftieth of a small step.
    """

    __slots__ = ("_cancel", "_forget", "_options")

    def __init__(self) -> None:
        self._hold(CancelToken())

    def options(self, cancel: CancelToken) -> ort.RunOptions:
        """For a run that ends within a node when the token is set."""
        if cancel is not self._cancel:
            self._forget()
            self._hold(cancel)
        return self._options

    def _hold(self, cancel: CancelToken) -> None:
        options = self._options = ort.RunOptions()
        options.log_severity_level = 4  # a terminated run is not an error
        options.add_run_config_entry(*_NO_CAPTURE)

        def terminate() -> None:
            options.terminate = True

        self._cancel, self._forget = cancel, cancel.on_cancel(terminate)


def run_bound(session: ort.InferenceSession, io: ort.IOBinding, cancel: CancelToken, leash: Leash) -> None:
    """Run what is bound; the token ends the run within a node."""
    cancel.raise_if_cancelled()
    try:
        session.run_with_iobinding(io, leash.options(cancel))
    except _ORT_ERRORS as error:
        if cancel.is_cancelled:
            raise Cancelled(cancel.reason) from error
        raise _told(error, "ONNX Runtime failed") from error


class OrtCache:
    """The buffers of one sequence. Memory is taken page by page as positions are written."""

    __slots__ = ("_bytes_per_token", "bindings", "capacity_tokens", "high_water_tokens", "layers")

    def __init__(self, manifest: Manifest, capacity_tokens: int, device: str) -> None:
        shape = (1, manifest.n_kv_heads, capacity_tokens, manifest.head_dim)
        dtype = KV_DTYPES[manifest.kv_dtype]
        self.capacity_tokens = capacity_tokens
        self.high_water_tokens = 0
        self._bytes_per_token = manifest.kv_bytes_per_token
        self.layers = {
            f"{layer}.{part}": _buffer(shape, dtype, device)
            for layer in range(manifest.n_layers)
            for part in ("key", "value")
        }
        self.bindings: dict[tuple[int, int], _Binding] = {}

    @property
    def size_bytes(self) -> int:
        return self.high_water_tokens * self._bytes_per_token


class OrtBackend:
    """A session and the shape of its model."""

    def __init__(self, session: ort.InferenceSession, manifest: Manifest, device: str) -> None:
        self._session = session
        self._manifest = manifest
        self._device = device
        self._leash = Leash()
        self._output = "log_probabilities" if manifest.log_probabilities else "logits"
        self._rows: dict[int, NDArray[np.float32]] = {}  # by number of rows; all caches share them

    @property
    def vocab_size(self) -> int:
        return self._manifest.vocab_size

    @property
    def window_tokens(self) -> int:
        return self._manifest.window_tokens

    def new_cache(self, capacity_tokens: int) -> OrtCache:
        """Buffers for so many tokens, taken lazily on the CPU."""
        return OrtCache(self._manifest, capacity_tokens, self._device)

    def logits(
        self, cache: KVCache, tokens: NDArray[np.int64], *, n_past: int, n_logits: int, cancel: CancelToken
    ) -> NDArray[np.float32]:
        """See `Backend.logits`."""
        assert isinstance(cache, OrtCache)
        n_tokens = len(tokens)
        assert 0 < n_logits <= n_tokens
        assert n_past + n_tokens <= cache.capacity_tokens
        binding = self._binding(cache, n_tokens, n_logits)
        binding.fill(tokens, n_past)
        run_bound(self._session, binding.io, cancel, self._leash)
        cache.high_water_tokens = max(cache.high_water_tokens, n_past + n_tokens)
        return binding.logits

    def copy(self, source: KVCache, target: KVCache, n_tokens: int) -> None:
        """See `Backend.copy`."""
        assert isinstance(source, OrtCache)
        assert isinstance(target, OrtCache)
        for name, buffer in source.layers.items():
            _copy(buffer, target.layers[name], n_tokens)
        target.high_water_tokens = max(target.high_water_tokens, n_tokens)

    def close(self) -> None:
        del self._session

    def _binding(self, cache: OrtCache, n_tokens: int, n_logits: int) -> "_Binding":
        binding = cache.bindings.get((n_tokens, n_logits))
        if binding is None:
            if BINDINGS_LIMIT <= len(cache.bindings):
                cache.bindings.clear()
            binding = _Binding(self._session, cache, n_tokens, self._logits_buffer(n_logits), self._output)
            cache.bindings[n_tokens, n_logits] = binding
        return binding

    def _logits_buffer(self, n_logits: int) -> NDArray[np.float32]:
        if n_logits not in self._rows:
            if BINDINGS_LIMIT <= len(self._rows):
                self._rows.clear()
            self._rows[n_logits] = np.empty((n_logits, self.vocab_size), np.float32)
        return self._rows[n_logits]


class _Binding:
    """Inputs and outputs of one shape, bound once; a run only fills the arrays."""

    __slots__ = ("_seqlens", "_tokens", "_total", "io", "logits")

    def __init__(
        self, session: ort.InferenceSession, cache: OrtCache, n_tokens: int, logits: NDArray[np.float32], output: str
    ) -> None:
        self._tokens = np.zeros((1, n_tokens), np.int64)
        self._seqlens = np.zeros(1, np.int32)
        self._total = np.zeros((), np.int32)
        self.logits = logits  # [n_logits, vocab]
        self.io = session.io_binding()
        self._bind("input_ids", self._tokens)
        self._bind("seqlens_k", self._seqlens)
        self._bind("total_sequence_length", self._total)
        self._bind("logits_from", np.array([n_tokens - len(logits)], np.int64))
        for name, buffer in cache.layers.items():
            self.io.bind_ortvalue_input(f"past_key_values.{name}", buffer)
            self.io.bind_ortvalue_output(f"present.{name}", buffer)
        self.io.bind_ortvalue_output(output, ort.OrtValue.ortvalue_from_numpy(self.logits[None]))

    def fill(self, tokens: NDArray[np.int64], n_past: int) -> None:
        """Say what runs next."""
        self._tokens[0] = tokens
        self._total[()] = n_past + len(tokens)
        self._seqlens[0] = n_past + len(tokens) - 1

    def _bind(self, name: str, array: NDArray[Any]) -> None:
        self.io.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))


def _provider(provider: str) -> str:
    name = PROVIDERS.get(provider)
    if name is None:
        raise BackendError(f"unknown provider {provider!r}; known are {', '.join(PROVIDERS)}")
    if name not in ort.get_available_providers():
        raise BackendError(f"this onnxruntime has no {name}; install devstral-ls[{provider}] or choose cpu")
    return name


def _session_options(n_threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads spin inside a run, where waking them would cost a third of decode, and sleep after it.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _buffer(shape: tuple[int, ...], dtype: type, device: str) -> ort.OrtValue:
    try:
        if device == "cpu":
            return ort.OrtValue.ortvalue_from_numpy(_zeros(shape, dtype))
        return ort.OrtValue.ortvalue_from_shape_and_type(list(shape), dtype, device, 0)
    except _NO_BUFFER as error:
        raise OutOfMemory(f"no memory for a cache of {shape[2]:,} tokens on {device}: {_first_line(error)}") from error


def _zeros(shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    """Zeros in pages of their own: the system gives each when it is written and has all back with the array.

    The heap keeps what is given back to it, and clears it whole, so takes it whole, when it is asked again.
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if sys.platform == "win32":
        return np.frombuffer(mmap.mmap(-1, n_bytes), dtype).reshape(shape)
    pages = mmap.mmap(-1, n_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        with suppress(OSError):  # a kernel without huge pages refuses the word, and needs none
            pages.madvise(mmap.MADV_NOHUGEPAGE)  # one would be taken whole for a short sequence
    return np.frombuffer(pages, dtype).reshape(shape)


def _copy(source: ort.OrtValue, target: ort.OrtValue, n_tokens: int) -> None:
    """Positions [0, n_tokens) of [1, heads, capacity, head_dim]."""
    if source.device_name() == "cpu":
        target.numpy()[:, :, :n_tokens] = source.numpy()[:, :, :n_tokens]
    else:
        target.update_inplace(source.numpy())


def _told(error: Exception, what: str) -> BackendError:
    """Our error for one of theirs, which tell a lack of memory only in words."""
    line = _first_line(error)
    words = line.lower()
    kind = OutOfMemory if any(each in words for each in _NO_MEMORY) else BackendError
    return kind(f"{what}: {line}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
