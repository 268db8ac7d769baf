"""What quantising costs: error by method, bytes a weight, and the loss of a model on text that it was not trained on.

python benchmarks/export/quantisation.py [--model HF_DIR] [--out benchmarks/results/export_quantisation.json]
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from onnx_export import encodings
from onnx_export.encodings import blockwise
from onnx_export.export import ExportOptions, plan_export, write_model
from onnx_export.quantize import Quantised, quantise, quantise_to_nearest
from onnx_export.verdict import GraphRunner

ROOT = Path(__file__).parents[2]
WINDOW_TOKENS, N_WINDOWS = 512, 40
LLAMA_CPP_BITS = {"int8": ("Q8_0", 8.5), "int4": ("Q4_0", 4.5)}

Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="checkpoint whose loss is measured at each precision")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/export_quantisation.json"))
    arguments = parser.parse_args()
    result: dict[str, object] = {
        "command": "python benchmarks/export/quantisation.py" + (" --model CHECKPOINT" if arguments.model else ""),
        "relative_error": {name: errors(rows) for name, rows in samples().items()},
        "bits_per_weight": {precision: bits_per_weight(precision) for precision in LLAMA_CPP_BITS},
    }
    if arguments.model is not None:
        result["model"] = losses(arguments.model)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    json.dump(result, sys.stdout, indent=2)


def samples() -> dict[str, Floats]:
    random = np.random.RandomState(0)
    shape = (512, 4096)
    return {
        "normal": random.standard_normal(shape).astype(np.float32),
        "heavy tails (Student, 5 degrees)": random.standard_t(5, shape).astype(np.float32),
    }


def errors(rows: Floats) -> dict[str, float]:
    methods = {
        "int8": quantise(rows, 8),
        "int4 nearest": quantise_to_nearest(rows, 4),
        "int4 fitted": quantise(rows, 4),
    }
    return {name: round(relative(rows, stored), 5) for name, stored in methods.items()}


def relative(rows: Floats, stored: Quantised) -> float:
    return float(np.sqrt(((stored.dequantised() - rows) ** 2).sum() / (rows**2).sum()))


def bits_per_weight(precision: str) -> dict[str, object]:
    rows = np.zeros((1, 4096), np.float32)
    stored = quantise(rows, 8 if precision == "int8" else 4)
    n_bytes = stored.packed().nbytes + stored.scales.nbytes
    name, bits = LLAMA_CPP_BITS[precision]
    return {"ours": n_bytes * 8 / rows.size, name: bits}


def losses(checkpoint: Path) -> dict[str, object]:
    """Mean loss in nats a token on this repository's own sources."""
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    windows = text_windows(tokenizer)
    rows: dict[str, object] = {"n_tokens": len(windows) * (WINDOW_TOKENS - 1), "text": "this repository's own sources"}
    for precision in encodings.PRECISIONS:
        rows[precision] = loss(checkpoint, precision, windows)
    blockwise.quantise = quantise_to_nearest  # the same graph with the plain method
    rows["int4 nearest"] = loss(checkpoint, "int4", windows)
    blockwise.quantise = quantise
    return rows


def text_windows(tokenizer: Tokenizer) -> list[NDArray[np.int64]]:
    start = tokenizer.token_to_id("<s>")
    texts = [path.read_text("utf-8") for path in sorted(ROOT.glob("devstral_ls/**/*.py"))]
    tokens = [token for text in texts for token in tokenizer.encode(text, add_special_tokens=False).ids]
    size = WINDOW_TOKENS - 1
    cuts = range(0, min(len(tokens) - size, N_WINDOWS * size), size)
    return [np.array([start, *tokens[cut : cut + size]], np.int64) for cut in cuts]


def loss(checkpoint: Path, precision: str, windows: list[NDArray[np.int64]]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        options = replace(ExportOptions(), precision=precision, window_tokens=WINDOW_TOKENS)
        plan = plan_export(checkpoint, options)
        write_model(plan, folder)
        runner = GraphRunner(folder / "model.onnx", WINDOW_TOKENS, n_threads=1)
        nats = [window_loss(runner, window) for window in windows]
        size_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    return {"nats_per_token": round(float(np.mean(nats)), 5), "megabytes": round(size_mb, 2)}


def window_loss(runner: GraphRunner, window: NDArray[np.int64]) -> float:
    logits = runner.logits(window, 0)[:-1].astype(np.float64)
    peak = logits.max(-1)
    normaliser = peak + np.log(np.exp(logits - peak[:, None]).sum(-1))
    return float((normaliser - logits[np.arange(len(window) - 1), window[1:]]).mean())


if __name__ == "__main__":
    main()
