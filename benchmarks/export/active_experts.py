"""Only the chosen experts run: decode time of a layer does not grow with the number of experts.

python benchmarks/export/active_experts.py
"""

import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "export"))
import tiny
from record import record

from onnx_export.export import ExportOptions, plan_export, write_model
from onnx_export.verdict import GraphRunner

HIDDEN, INNER, N_ACTIVE = 1024, 512, 2
N_EXPERTS = (8, 32, 64)  # 8 of them fit the processor's last cache in int8 and int4, 32 do not
N_ROUNDS, N_STEPS, N_PAST = 15, 40, 32


def main() -> None:
    rows = {precision: measure(precision) for precision in ("int4", "int8", "fp32")}
    figures = {
        "layer": f"one layer, hidden {HIDDEN}, experts of {INNER}, {N_ACTIVE} chosen",
        "threads": 1,
        "rounds": N_ROUNDS,
        "median_us_per_token": rows,
        "ratio_64_to_8": {precision: round(row["64"] / row["8"], 3) for precision, row in rows.items()},
        "ratio_64_to_32": {precision: round(row["64"] / row["32"], 3) for precision, row in rows.items()},
    }
    print(json.dumps(figures, indent=2))
    print(record("export_active_experts", figures))


def measure(precision: str) -> dict[str, float]:
    """Interleave the two sizes, so that other load on the machine disturbs both alike."""
    with tempfile.TemporaryDirectory() as scratch:
        runners = {n: runner(n, precision, Path(scratch, str(n))) for n in N_EXPERTS}
        times: dict[int, list[float]] = {n: [] for n in N_EXPERTS}
        for _ in range(N_ROUNDS):
            for n, each in runners.items():
                times[n].append(decode_us(each))
    return {str(n): round(statistics.median(of), 1) for n, of in times.items()}


def runner(n_experts: int, precision: str, folder: Path) -> GraphRunner:
    tiny_model = tiny.read_tiny("mixtral")
    shapes = {
        "model.embed_tokens.weight": (64, HIDDEN),
        "lm_head.weight": (64, HIDDEN),
        "model.norm.weight": (HIDDEN,),
        "model.layers.0.input_layernorm.weight": (HIDDEN,),
        "model.layers.0.post_attention_layernorm.weight": (HIDDEN,),
        "model.layers.0.block_sparse_moe.gate.weight": (n_experts, HIDDEN),
    }
    for name, rows in (("q", HIDDEN), ("k", 128), ("v", 128), ("o", HIDDEN)):
        shapes[f"model.layers.0.self_attn.{name}_proj.weight"] = (rows, HIDDEN)
    for index in range(n_experts):
        for name, shape in (("w1", (INNER, HIDDEN)), ("w2", (HIDDEN, INNER)), ("w3", (INNER, HIDDEN))):
            shapes[f"model.layers.0.block_sparse_moe.experts.{index}.{name}.weight"] = shape
    config = tiny_model.config | {
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": 1,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "num_local_experts": n_experts,
        "num_experts_per_tok": N_ACTIVE,
    }
    checkpoint = replace(tiny_model, config=config, shapes=shapes).write(folder)
    write_model(plan_export(checkpoint, ExportOptions(precision=precision)), folder)
    return GraphRunner(folder / "model.onnx", 256, n_threads=1)


def decode_us(each: GraphRunner) -> float:
    """Mean time of a step on tokens that choose different experts."""
    tokens = np.random.RandomState(0).randint(0, 64, N_PAST + N_STEPS).astype(np.int64)
    each.logits(tokens[:N_PAST], 0)
    start = time.perf_counter()
    for index in range(N_PAST, N_PAST + N_STEPS):
        each.logits(tokens[index : index + 1], index)
    return (time.perf_counter() - start) / N_STEPS * 1e6


if __name__ == "__main__":
    main()
