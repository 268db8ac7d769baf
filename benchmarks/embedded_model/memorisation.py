"""Does the embedded model recite? `python benchmarks/embedded_model/memorisation.py BUNDLE --trained-tokens N`.

Shows the model the start of rows that it was trained on and lets it go on greedily; counts how far it follows the row.
The same with held-out text is the control: code repeats itself without anybody having learnt it by heart.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.manifest import read_manifest
from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.pretrain import corpus, pack
from onnx_export.pretrain.state import DEFAULT_ROOT, State

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

PROMPT_TOKENS = 64
CONTINUED_TOKENS = 128
RECITED_TOKENS = 50
RECITED_LINES = 10

Tokens = NDArray[np.int64]


def main() -> None:
    arguments = parse_arguments()
    state = State(arguments.state.expanduser())
    tokenizer = Tokenizer.open(arguments.bundle / "tokenizer.json")
    backend = open_backend(arguments.bundle, read_manifest(arguments.bundle), provider="cpu", n_threads=1)
    sets = {
        "trained on": trained_windows(state, arguments.epoch, arguments.trained_tokens),
        "held out": held_out_windows(state, tokenizer),
    }
    figures: dict[str, Any] = {"windows": arguments.windows, "prompt_tokens": PROMPT_TOKENS}
    for name, windows in sets.items():
        figures[name] = recite(backend, tokenizer, windows, arguments.windows)
        print(name, figures[name])
    print(f"wrote {record('embedded_model_memorisation', figures)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--trained-tokens", type=int, required=True, help="how far training came in these rows")
    parser.add_argument("--epoch", type=int, default=0, help="of the rows: those read last are the likeliest recited")
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    return parser.parse_args()


def recite(backend: OrtBackend, tokenizer: Tokenizer, windows: Iterator[Tokens], n_windows: int) -> dict[str, float]:
    """How far greedy decoding follows the text that a prompt was taken from."""
    followed, n_lines = [], []
    for _ in range(n_windows):
        window = next(windows)
        truth = window[PROMPT_TOKENS:]
        said = go_on(backend, window[:PROMPT_TOKENS], len(truth))
        differs = np.flatnonzero(said != truth)
        followed.append(int(differs[0]) if len(differs) else len(truth))
        n_lines.append(tokenizer.text(truth[: followed[-1]]).count("\n"))
    return {
        "longest_tokens": max(followed),
        "mean_tokens": round(sum(followed) / n_windows, 2),
        f"share_with_{RECITED_TOKENS}_tokens": sum(n >= RECITED_TOKENS for n in followed) / n_windows,
        f"share_with_{RECITED_LINES}_lines": sum(n >= RECITED_LINES for n in n_lines) / n_windows,
    }


def go_on(backend: OrtBackend, prompt: Tokens, n_tokens: int) -> Tokens:
    """The likeliest tokens behind a prompt, one after the other."""
    cache = backend.new_cache(len(prompt) + n_tokens)
    said: list[int] = []
    n_past, tokens = 0, prompt
    while len(said) < n_tokens:
        logits = backend.logits(cache, tokens, n_past=n_past, n_logits=1, cancel=CancelToken())
        said.append(int(logits[-1].argmax()))
        n_past, tokens = n_past + len(tokens), np.array(said[-1:], np.int64)
    return np.array(said, np.int64)


def trained_windows(state: State, epoch: int, trained_tokens: int) -> Iterator[Tokens]:
    """Windows of rows that training has read for certain."""
    row_tokens = pack.SHORT_ROW_TOKENS
    rows = pack.open_rows(state, epoch, row_tokens)
    epoch_tokens = sum(pack.open_rows(state, epoch, length).size for length in pack.ROW_TOKENS)
    n_rows = int(len(rows) * min(1, 0.9 * trained_tokens / epoch_tokens))
    rng = random.Random(0)
    while True:
        start = rng.randrange(row_tokens - PROMPT_TOKENS - CONTINUED_TOKENS)
        window = rows[rng.randrange(n_rows)][start : start + PROMPT_TOKENS + CONTINUED_TOKENS]
        yield window.astype(np.int64)


def held_out_windows(state: State, tokenizer: Tokenizer) -> Iterator[Tokens]:
    """Windows of the same length from packages that were never trained on."""
    files = corpus.load(state, corpus.HELD_OUT_FILE)
    rng = random.Random(0)
    while True:
        ids = tokenizer.encode(rng.choice(files).text)
        start = rng.randrange(max(1, len(ids) - PROMPT_TOKENS - CONTINUED_TOKENS))
        window = ids[start : start + PROMPT_TOKENS + CONTINUED_TOKENS]
        if len(window) == PROMPT_TOKENS + CONTINUED_TOKENS:
            yield window


if __name__ == "__main__":
    main()
