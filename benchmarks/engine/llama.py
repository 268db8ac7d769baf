"""llama.cpp behind the few calls that a comparison needs: load, read tokens, forget tokens."""

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int64]
Rows = NDArray[np.float32]  # [n_logits, vocab]


@llama_cpp.llama_log_callback
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """It would tell every tensor."""


class Llama:
    """One loaded model with one context; keys and values in float16, as it does by default."""

    def __init__(self, path: Path, *, n_threads: int, window_tokens: int, flash: bool) -> None:
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p())
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = window_tokens
        parameters.n_batch = window_tokens
        parameters.n_threads = parameters.n_threads_batch = n_threads
        parameters.flash_attn_type = int(flash)
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        assert self._model, f"llama.cpp does not load {path.name}"
        self._context = llama_cpp.llama_init_from_model(self._model, parameters)
        assert self._context, f"llama.cpp opens no context on {path.name}"
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self._model))
        self._batch = llama_cpp.llama_batch_init(window_tokens, 0, 1)
        for n in range(window_tokens):
            self._batch.n_seq_id[n] = 1
            self._batch.seq_id[n][0] = 0

    def logits(self, tokens: Tokens, *, n_past: int, n_logits: int = 1) -> Rows:
        """Append tokens behind the first `n_past`; logits of the last rows, in a buffer of its own."""
        batch, n_tokens = self._batch, len(tokens)
        batch.n_tokens = n_tokens
        for n, token in enumerate(tokens.tolist()):
            batch.token[n], batch.pos[n], batch.logits[n] = token, n_past + n, n_tokens - n_logits <= n
        status = llama_cpp.llama_decode(self._context, batch)
        assert status == 0, f"llama_decode returned {status}"
        pointer = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, (n_logits, self.vocab_size))

    def rewind(self, n_tokens: int) -> None:
        """Forget everything behind the first tokens."""
        memory = llama_cpp.llama_get_memory(self._context)
        assert llama_cpp.llama_memory_seq_rm(memory, 0, n_tokens, -1)
