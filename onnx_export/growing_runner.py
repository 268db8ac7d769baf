"""Drives a graph of standard operators whose cache grows: past in, past and new tokens out."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

PAST, PRESENT = "past_key_values.", "present."

Floats = NDArray[np.float32]


class GrowingRunner:
    """One session and one cache, driven with explicit positions; see `verdict.GraphRunner` for its twin."""

    def __init__(self, graph: Path, capacity_tokens: int, n_threads: int = 0, *, prepack: bool = True) -> None:
        del capacity_tokens  # it grows
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.log_severity_level = 3
        if not prepack:
            options.add_session_config_entry("session.disable_prepacking", "1")
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        given = {each.name: each.shape for each in self.session.get_inputs()}
        self._names = [name.removeprefix(PAST) for name in given if name.startswith(PAST)]
        self._inputs = frozenset(given)
        self._past = {name: _nothing(given[PAST + name]) for name in self._names}

    def logits(self, tokens: NDArray[np.int64], n_past: int, logits_from: int = 0) -> Floats:
        """Append tokens [n] behind the first `n_past`; return [n - logits_from, vocab]."""
        n_total = n_past + len(tokens)
        feeds = {
            "input_ids": tokens[None].astype(np.int64),
            "attention_mask": np.ones((1, n_total), np.int64),
            "position_ids": np.arange(n_past, n_total)[None],
            "logits_from": np.array([logits_from]),
        }
        past = {PAST + name: self._past[name][:, :, :n_past] for name in self._names}
        given = {name: value for name, value in feeds.items() if name in self._inputs}
        outputs = ["logits", *(PRESENT + name for name in self._names)]
        logits, *present = self.session.run(outputs, given | past)
        self._past = dict(zip(self._names, present, strict=True))
        rows: Floats = logits[0]
        return rows if "logits_from" in self._inputs else rows[logits_from:]


def _nothing(shape: list[int | str]) -> Floats:
    _, heads, _, size = shape
    return np.zeros((1, int(heads), 0, int(size)), np.float32)
