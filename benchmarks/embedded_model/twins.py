"""Experts against none at equal work: `python benchmarks/embedded_model/twins.py`, after training both twins.

    python -m onnx_export.pretrain train --run twin-XS --preset XS --max-steps N --batch-tokens 2048
    python -m onnx_export.pretrain train --run twin-XS-dense --preset XS-dense --max-steps N --batch-tokens 2048

Both have as many weights a token, read the same rows in the same order, and no row twice, so that the loss of training
is that of text never seen. They are compared after as many tokens and after as much processor time.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from onnx_export.pretrain import tokenizer
from onnx_export.pretrain.corpus import HELD_OUT_FILE, load
from onnx_export.pretrain.state import DEFAULT_ROOT, State, read_lines

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

TWINS = {"experts": "twin-XS", "none": "twin-XS-dense"}
N_POINTS = 8
SAMPLE_FILES = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    state = State(parser.parse_args().state.expanduser())
    bytes_per_token = measure_bytes_per_token(state)
    curves = {name: curve(state, run, bytes_per_token) for name, run in TWINS.items()}
    figures: dict[str, Any] = {"bytes_per_token": round(bytes_per_token, 3)}
    for axis in ("tokens", "cpu_s"):
        figures[f"bits a byte by {axis}"] = compared(curves, axis)
    print(figures)
    print(f"wrote {record('embedded_model_twins', figures)}")


def curve(state: State, run: str, bytes_per_token: float) -> dict[str, np.ndarray]:
    """Loss of each stretch of the log, at the tokens and the processor time of its end."""
    entries = list(read_lines(state.run(run) / "log.jsonl"))
    tokens = np.array([entry["tokens"] for entry in entries], float)
    speeds = np.array([entry["tokens_per_cpu_s"] for entry in entries], float)
    bits = np.array([entry["loss"] for entry in entries]) / math.log(2) / bytes_per_token
    return {"tokens": tokens, "cpu_s": np.cumsum(np.diff(tokens, prepend=0) / speeds), "bits": bits}


def compared(curves: dict[str, dict[str, np.ndarray]], axis: str) -> list[dict[str, float]]:
    """Both twins at the same few points, up to where the shorter one ends."""
    end = min(found[axis][-1] for found in curves.values())
    points = np.linspace(end / N_POINTS, end, N_POINTS)
    at = {name: np.interp(points, found[axis], found["bits"]) for name, found in curves.items()}
    rows = zip(points, *at.values(), strict=True)
    return [{axis: round(row[0]), **dict(zip(at, (round(float(x), 3) for x in row[1:]), strict=True))} for row in rows]


def measure_bytes_per_token(state: State) -> float:
    tokens = tokenizer.load(state.tokenizer)
    texts = [file.text for file in load(state, HELD_OUT_FILE)[:SAMPLE_FILES]]
    return sum(len(text.encode()) for text in texts) / sum(len(tokens.encode(text).ids) for text in texts)


if __name__ == "__main__":
    main()
