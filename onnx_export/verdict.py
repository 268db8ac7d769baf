"""Runs the finished graph the way the engine will, and says whether it holds together.

No reference is needed for this: logits must be finite, prefill must equal token by token, rewinding must forget.
Equality with torch is the business of benchmarks/export/parity.py.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from onnx_export.errors import VerdictError

# ONNX Runtime's exceptions share no base class of their own.
ORT_ERRORS = tuple(
    error for error in vars(ort_errors).values() if isinstance(error, type) and issubclass(error, Exception)
)

PAST, PRESENT = "past_key_values.", "present."

N_TOKENS = 24
N_PREFILL = 16
SEED = 7
# In deviations of the logits. Floats differ by 1e-5; integer kernels round activations to 8 bits, so that a difference
# of 1e-6 before them may be 0.07 after (the most of 27 exports). With one token forgotten it is 0.95 and more.
DOUBTFUL_DIFFERENCE = 0.3

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Differences are in units of the logits' standard deviation."""

    decode_difference: float
    rewind_difference: float
    same_choice: float  # share of positions where prefill and decode choose the same token
    load_ms: float
    decode_ms_per_token: float
    is_whole: bool  # False: only the first layers were run

    @property
    def doubts(self) -> list[str]:
        """What a user should know before trusting the graph; empty when it holds together."""
        differences = (
            ("computing a text at once and token by token", self.decode_difference),
            ("computing a text again", self.rewind_difference),
        )
        return [
            f"{what} differs by {difference:.1e} deviations, more than {DOUBTFUL_DIFFERENCE:g}"
            for what, difference in differences
            if DOUBTFUL_DIFFERENCE < difference
        ]


class Runner(Protocol):
    """A graph and its cache, however that is laid out."""

    def __init__(self, graph: Path, capacity_tokens: int, *, prepack: bool) -> None: ...

    def logits(self, tokens: NDArray[np.int64], n_past: int) -> Floats: ...


class GraphRunner:
    """One session and one cache, driven with explicit positions."""

    def __init__(self, graph: Path, capacity_tokens: int, n_threads: int = 0, *, prepack: bool = True) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.log_severity_level = 3
        if not prepack:  # weights stay in the file's pages instead of being copied
            options.add_session_config_entry("session.disable_prepacking", "1")
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._binding = self.session.io_binding()
        self._binding.bind_output("logits", "cpu")  # first, so that it is the first output later
        for given in self.session.get_inputs():
            if given.name.startswith(PAST):
                cache = onnxruntime.OrtValue.ortvalue_from_numpy(_empty_cache(given, capacity_tokens))
                self._binding.bind_ortvalue_input(given.name, cache)
                self._binding.bind_ortvalue_output(PRESENT + given.name.removeprefix(PAST), cache)

    def logits(self, tokens: NDArray[np.int64], n_past: int, logits_from: int = 0) -> Floats:
        """Append tokens [n] behind the first `n_past`; return [n - logits_from, vocab]."""
        n_total = n_past + len(tokens)
        self._binding.bind_cpu_input("input_ids", tokens[None].astype(np.int64))
        self._binding.bind_cpu_input("seqlens_k", np.array([n_total - 1], np.int32))
        self._binding.bind_cpu_input("total_sequence_length", np.array(n_total, np.int32))
        self._binding.bind_cpu_input("logits_from", np.array([logits_from], np.int64))
        self._binding.bind_output("logits", "cpu")
        self.session.run_with_iobinding(self._binding)
        logits: Floats = self._binding.get_outputs()[0].numpy()[0]
        return logits


def judge(
    graph: Path, vocab_size: int, window_tokens: int, *, is_whole: bool = True, runner: type[Runner] | None = None
) -> Verdict:
    """Run a few tokens; raise when the graph does not load or does not hold together."""
    start = time.perf_counter()
    n_tokens = min(N_TOKENS, window_tokens)
    try:
        opened = (runner or GraphRunner)(graph, n_tokens, prepack=is_whole)
    except ORT_ERRORS as error:
        raise VerdictError(f"ONNX Runtime {onnxruntime.__version__} refuses the graph: {_first_line(error)}") from error
    load_ms = (time.perf_counter() - start) * 1000
    tokens = np.random.default_rng(SEED).integers(0, vocab_size, n_tokens)
    return _compare(opened, tokens, load_ms, is_whole=is_whole)


def _compare(runner: Runner, tokens: NDArray[np.int64], load_ms: float, *, is_whole: bool) -> Verdict:
    at_once = runner.logits(tokens, 0)
    if not np.isfinite(at_once).all():
        raise VerdictError("the graph's logits are not finite; are the weights of the checkpoint?")
    n_prefill = min(N_PREFILL, len(tokens) // 2)
    rows = [runner.logits(tokens[:n_prefill], 0)]
    start = time.perf_counter()
    rows += [runner.logits(tokens[index : index + 1], index) for index in range(n_prefill, len(tokens))]
    decode_ms = (time.perf_counter() - start) * 1000 / (len(tokens) - n_prefill)
    stepwise = np.concatenate(rows)
    again = runner.logits(tokens[1:], 1)
    scale = float(at_once.std()) or 1.0
    return Verdict(
        decode_difference=float(np.abs(at_once - stepwise).max()) / scale,
        rewind_difference=float(np.abs(at_once[1:] - again).max()) / scale,
        same_choice=float((at_once.argmax(-1) == stepwise.argmax(-1)).mean()),
        load_ms=load_ms,
        decode_ms_per_token=decode_ms,
        is_whole=is_whole,
    )


def _empty_cache(given: onnxruntime.NodeArg, capacity_tokens: int) -> NDArray[np.generic]:
    _, n_heads, _, head_dim = given.shape
    dtype = np.float16 if given.type == "tensor(float16)" else np.float32
    return np.zeros((1, n_heads, capacity_tokens, head_dim), dtype)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
