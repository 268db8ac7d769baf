"""Do scales that move the weights less lower the loss of int4? The method that we left out, against the nearest code.

python benchmarks/export/fitted_scales.py [--model HF_DIR …]

The model that ships, and each checkpoint given, on the same windows of this repository's own sources.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).parents[1]))
from quantisation import WINDOW_TOKENS, relative, samples, shipped, text_windows, window_losses
from record import record

from onnx_export.encodings import blockwise
from onnx_export.quantize import Quantised, as_blocks, largest_weights, quantise, with_scales

N_WINDOWS = 80
# Candidates for the scale, as the code that the largest weight of a block is sent to.
TARGETS = (-8.0, -7.2, -8.6)

Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, nargs="*", default=[], help="more checkpoints to compare on")
    arguments = parser.parse_args()
    figures: dict[str, object] = {
        "relative_error": {
            name: {
                "nearest": round(relative(rows, quantise(rows, 4)), 5),
                "fitted": round(relative(rows, fit(rows)), 5),
            }
            for name, rows in samples().items()
        },
        "cpu_seconds_per_billion_weights": {"nearest": cpu_seconds(nearest), "fitted": cpu_seconds(fit)},
        "n_tokens": N_WINDOWS * (WINDOW_TOKENS - 1),
    }
    with tempfile.TemporaryDirectory() as scratch:
        models = {"the model that ships": shipped(Path(scratch, "shipped"))}
        models |= {name_of(folder): folder for folder in arguments.model}
        figures["nats_per_token_above_fp32"] = {name: compared(folder) for name, folder in models.items()}
    print(json.dumps(figures, indent=2))
    print(record("export_fitted_scales", figures))


def compared(checkpoint: Path) -> dict[str, float]:
    """What each method adds to the loss, and their difference with its standard error over windows."""
    windows = text_windows(Tokenizer.from_file(str(checkpoint / "tokenizer.json")), N_WINDOWS)
    full = np.array(window_losses(checkpoint, "fp32", windows)[0])
    plain = np.array(window_losses(checkpoint, "int4", windows)[0])
    blockwise.quantise = lambda rows, bits: fit(rows) if bits == 4 else quantise(rows, bits)
    fitted = np.array(window_losses(checkpoint, "int4", windows)[0])
    blockwise.quantise = quantise
    difference = fitted - plain
    return {
        "nearest": round(float((plain - full).mean()), 5),
        "fitted": round(float((fitted - full).mean()), 5),
        "fitted minus nearest": round(float(difference.mean()), 5),
        "standard error": round(float(difference.std(ddof=1) / np.sqrt(len(windows))), 5),
    }


def nearest(rows: Floats) -> Quantised:
    return quantise(rows, 4)


def cpu_seconds(method: Callable[[Floats], Quantised]) -> float:
    """Of a billion normal weights, the least of five runs."""
    rows = np.random.default_rng(0).standard_normal((2048, 4096)).astype(np.float32)
    readings = []
    for _ in range(5):
        start = time.process_time()
        method(rows).packed()
        readings.append(time.process_time() - start)
    return round(min(readings) * 1e9 / rows.size, 1)


def fit(rows: Floats) -> Quantised:
    """Round with a few scales around the plain one, fit each to its codes, keep the one that explains most.

    For codes c and weights w the best scale is c·w / c·c, and it explains (c·w)² / c·c of w·w.
    """
    blocks = as_blocks(rows)
    largest = largest_weights(blocks)
    reciprocal = np.divide(1, largest, out=np.zeros_like(largest), where=largest != 0)
    best, explained = np.zeros_like(largest), np.full_like(largest, -1)
    for target in TARGETS:
        levels = np.clip(np.rint(blocks * (reciprocal * np.float32(target))[..., None]), -8, 7)
        products = np.einsum("...k,...k", levels, blocks)
        scales = products / np.maximum(np.einsum("...k,...k", levels, levels), 1)
        best = np.where(explained < scales * products, scales, best)
        np.maximum(explained, scales * products, out=explained)
    return with_scales(blocks, best, 4)


def name_of(checkpoint: Path) -> str:
    """Its folder and the one around it, which tell runs of training apart."""
    return "/".join(checkpoint.resolve().parts[-2:])


if __name__ == "__main__":
    main()
