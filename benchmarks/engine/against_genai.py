"""The engine against onnxruntime-genai on a dense model that its builder makes: decode and prefill, A B A B.

The checkpoint is a Mistral of noise; both export it themselves, to fp32 (the same mathematics) and to int4 (each
with its own rounding), and both run on the same ONNX Runtime. Ours goes through the engine's stream and takes the
argmax; theirs goes through its `Generator`, greedily.

Needs an environment of its own with `onnxruntime-genai`, `torch` and `transformers`; the checkpoint and their two
models are made once, in the folder that is given:

python benchmarks/engine/against_genai.py --folder FOLDER
"""

import argparse
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any, Protocol

import numpy as np
import onnxruntime_genai as genai
from workload import record

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import embedded_bundle
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.manifest import TOKENIZER_NAME, read_manifest
from devstral_ls.engine.prefix_cache import PrefixCache
from devstral_ls.engine.stream import Pace, Stream
from devstral_ls.engine.tokenizer import Tokens
from onnx_export.export import ExportOptions, plan_export, run_export

ROUNDS = 7
N_STEPS = 32
DEPTHS = (256, 1024)
PREFILLS = (256, 1024)
WINDOW_TOKENS = 4096
PRECISIONS = ("fp32", "int4")
SHAPE = {
    "vocab_size": 8192,
    "hidden_size": 512,
    "intermediate_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 64,
}


class Contender(Protocol):
    """Reads a prompt from nothing and chooses the first token; then takes greedy steps."""

    def read(self, tokens: Tokens) -> None: ...

    def step(self) -> None: ...


class Ours:
    """The engine's stream on a leased cache."""

    def __init__(self, backend: OrtBackend) -> None:
        slot = PrefixCache(backend, limit_bytes=1 << 34, bytes_per_token=1).lease(np.zeros(1, np.int64))
        pace = Pace()
        pace.learn(512, 0.02)
        self._stream = Stream(backend, slot, CancelToken(), pace=pace)
        self._token = 0

    def read(self, tokens: Tokens) -> None:
        self._stream.rewind(0)
        chunks = self._stream.prefill(tokens)
        while True:
            try:
                next(chunks)
            except StopIteration as done:
                self._token = int(done.value.argmax())
                return

    def step(self) -> None:
        self._token = int(self._stream.advance(self._token).argmax())


class Theirs:
    """Their generator, made anew for each prompt."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._generator: Any = None

    def read(self, tokens: Tokens) -> None:
        wishes = genai.GeneratorParams(self._model)
        wishes.set_search_options(max_length=WINDOW_TOKENS, min_length=WINDOW_TOKENS, do_sample=False)
        self._generator = genai.Generator(self._model, wishes)
        self._generator.append_tokens(tokens.astype(np.int32))
        self._generator.generate_next_token()  # from logits that are there; the next call runs the model first

    def step(self) -> None:
        self._generator.generate_next_token()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where models are made and kept")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    for precision in PRECISIONS:
        make(given.folder, precision)
    found = {
        precision: {str(n): race(given.folder, precision, n, given.rounds) for n in (1, 2)} for precision in PRECISIONS
    }
    cells = {kind: [] for kind in ("decode", "prefill")}
    for each in found.values():
        for of_threads in each.values():
            for name, cell in of_threads.items():
                cells[name.partition("_")[0]].append(cell["ratio"])
    figures = {
        "model": "dense Mistral of noise, 8 layers, hidden 512",
        "onnxruntime_genai": version("onnxruntime-genai"),
        "rounds": given.rounds,
        **{f"{kind}_ratio_geometric_mean": round(geometric_mean(ratios), 3) for kind, ratios in cells.items()},
        **{f"{kind}_ratio_least": min(ratios) for kind, ratios in cells.items()},
        **found,
    }
    print(record("engine_against_genai", figures).read_text())


def make(folder: Path, precision: str) -> None:
    """Whatever is not there yet."""
    checkpoint, ours, theirs = folder / "checkpoint", folder / f"ours-{precision}", folder / f"theirs-{precision}"
    if not checkpoint.exists():
        write_checkpoint(checkpoint)
    if not ours.exists():
        options = ExportOptions(precision=precision, window_tokens=WINDOW_TOKENS, license="Apache-2.0")
        run_export(plan_export(checkpoint, options), ours)
    if not theirs.exists():
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
        wishes = ["-i", checkpoint, "-o", theirs, "-p", precision, "-e", "cpu"]
        subprocess.run([*builder, *map(str, wishes)], check=True)


def write_checkpoint(folder: Path) -> None:
    import torch  # noqa: PLC0415 - only to make what is kept
    from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast  # noqa: PLC0415 - as above

    torch.manual_seed(1)
    config = MistralConfig(
        **SHAPE, max_position_embeddings=WINDOW_TOKENS, sliding_window=None, tie_word_embeddings=False
    )
    MistralForCausalLM(config).save_pretrained(folder)
    words = PreTrainedTokenizerFast(tokenizer_file=str(embedded_bundle() / TOKENIZER_NAME))
    words.save_pretrained(folder)


def race(folder: Path, precision: str, n_threads: int, n_rounds: int) -> dict[str, dict[str, float]]:
    bundle = folder / f"ours-{precision}"
    contenders: dict[str, Contender] = {
        "ours": Ours(open_backend(bundle, read_manifest(bundle), provider="cpu", n_threads=n_threads)),
        "genai": Theirs(their_model(folder / f"theirs-{precision}", n_threads)),
    }
    text = np.random.default_rng(1).integers(40, SHAPE["vocab_size"], 2048)
    found = {}
    for name, measure in cells(text):
        rounds = [{who: measure(each) for who, each in contenders.items()} for _ in range(1 + n_rounds)][1:]
        found[name] = {
            **{who: round(median(each[who] for each in rounds)) for who in contenders},
            "ratio": round(median(each["ours"] / each["genai"] for each in rounds), 3),
        }
    return found


def their_model(folder: Path, n_threads: int) -> Any:
    """Threads are said in its file of settings."""
    path = folder / "genai_config.json"
    settings = json.loads(path.read_text())
    settings["model"]["decoder"]["session_options"]["intra_op_num_threads"] = n_threads
    path.write_text(json.dumps(settings, indent=1))
    return genai.Model(str(folder))


def cells(text: Tokens) -> list[tuple[str, Callable[[Contender], float]]]:
    decoding = [(f"decode_{depth}", lambda each, depth=depth: decode(each, text[:depth])) for depth in DEPTHS]
    reading = [(f"prefill_{n}", lambda each, n=n: prefill(each, text[:n])) for n in PREFILLS]
    return decoding + reading


def decode(contender: Contender, prompt: Tokens) -> float:
    """Tokens a second behind this prompt; the first steps are not counted."""
    contender.read(prompt)
    deque((contender.step() for _ in range(4)), maxlen=0)
    start_s = time.perf_counter()
    for _ in range(N_STEPS):
        contender.step()
    return N_STEPS / (time.perf_counter() - start_s)


def prefill(contender: Contender, prompt: Tokens) -> float:
    """Tokens a second to the first token."""
    start_s = time.perf_counter()
    contender.read(prompt)
    return len(prompt) / (time.perf_counter() - start_s)


if __name__ == "__main__":
    main()
