"""A window of 131,072 tokens: the first fill, then keystrokes at its far end.

The model is one layer of noise, exported here in fp32, and each byte is a token; what is measured is that the
engine's own work and the graph's grow as they should, not that such a model says anything.

python benchmarks/engine/depth.py
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from workload import percentile, record, rss_mib, sources

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import open_engine
from devstral_ls.engine.backends.scripted import BOS_TOKEN, END_TOKEN, MARKERS
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import Generation, GenerationRequest, InfillPrompt
from devstral_ls.engine.tokenizer import byte_tokenizer
from onnx_export.export import ExportOptions, plan_export, run_export

WINDOW_TOKENS = 131_072
N_KEYS = 20
MAX_TOKENS = 8
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "num_hidden_layers": 1,
    "num_local_experts": 2,
    "num_experts_per_tok": 2,
    "vocab_size": len(MARKERS) + 256,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=int, default=WINDOW_TOKENS)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_bundle(Path(scratch), given.window)
        figures = measure(folder, given.window, given.threads)
    print(record("engine_depth", figures).read_text())


def measure(folder: Path, window_tokens: int, n_threads: int) -> dict[str, Any]:
    text = "".join(sources().values())
    room = window_tokens - 2 * N_KEYS - 4 * MAX_TOKENS
    warm = open_engine(folder, n_threads=n_threads)
    fill = ask(warm, text[:room])
    keys = [ask(warm, text[: room + n]) for n in range(1, N_KEYS + 1)]
    loaded_mib = rss_mib()
    warm.close()
    cold_engine = open_engine(folder, n_threads=n_threads)
    cold = ask(cold_engine, text[: room + N_KEYS])
    cold_engine.close()
    key_ms = percentile([key.metrics.total_ms for key in keys], 50)
    return {
        "window_tokens": window_tokens,
        "prompt_tokens": keys[-1].metrics.n_prompt_tokens,
        "fill_ms": round(fill.metrics.prefill_ms),
        "key_prefilled_tokens_max": max(key.metrics.n_prefilled_tokens for key in keys),
        "key_first_token_ms_p50": round(percentile([key.metrics.first_token_ms for key in keys], 50), 2),
        "key_total_ms_p50": round(key_ms, 2),
        "tokens_written_per_key": MAX_TOKENS,
        "fill_over_key": round(fill.metrics.total_ms / key_ms),
        "warm_equals_cold": keys[-1].completions[0].text == cold.completions[0].text,
        "logprob_difference": abs(keys[-1].completions[0].mean_logprob - cold.completions[0].mean_logprob),
        "rss_mib": loaded_mib,
    }


def ask(engine: Engine, prefix: str) -> Generation:
    prompt = InfillPrompt((), "deep.py", "", "", prefix.encode("ascii", "replace").decode())
    request = GenerationRequest(prompt=prompt, key="deep.py", max_tokens=MAX_TOKENS)
    return engine.generate_blocking(request, CancelToken())


def make_bundle(scratch: Path, window_tokens: int) -> Path:
    """A checkpoint of noise, exported as any other."""
    checkpoint = scratch / "checkpoint"
    checkpoint.mkdir()
    config = {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_act": "silu", "head_dim": None}
    config |= {"rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": None, "tie_word_embeddings": True}
    config |= {"bos_token_id": BOS_TOKEN, "eos_token_id": END_TOKEN, "max_position_embeddings": window_tokens}
    (checkpoint / "config.json").write_text(json.dumps(config | SHAPE))
    byte_tokenizer(MARKERS).save(checkpoint / "tokenizer.json")
    save_file(weights(), checkpoint / "model.safetensors")
    options = ExportOptions(precision="fp32", window_tokens=window_tokens, name="deep", license="Apache-2.0")
    return run_export(plan_export(checkpoint, options), scratch / "bundle", lambda _: None).folder


def weights() -> dict[str, np.ndarray]:
    hidden, width = SHAPE["hidden_size"], SHAPE["intermediate_size"]
    layer = "model.layers.0"
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (SHAPE["vocab_size"], hidden)}
    shapes |= {f"{layer}.self_attn.{part}_proj.weight": (hidden, hidden) for part in "qkvo"}
    shapes[f"{layer}.block_sparse_moe.gate.weight"] = (SHAPE["num_local_experts"], hidden)
    for expert in range(SHAPE["num_local_experts"]):
        for part, shape in {"w1": (width, hidden), "w2": (hidden, width), "w3": (width, hidden)}.items():
            shapes[f"{layer}.block_sparse_moe.experts.{expert}.{part}.weight"] = shape
    rng = np.random.default_rng(1)
    made = {
        name: rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(hidden)) for name, shape in shapes.items()
    }
    norms = (f"{layer}.input_layernorm.weight", f"{layer}.post_attention_layernorm.weight", "model.norm.weight")
    return made | {name: np.ones(hidden, np.float32) for name in norms}


if __name__ == "__main__":
    main()
