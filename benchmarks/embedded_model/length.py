"""Whether the embedded model can read beyond the window it was trained with, and how its positions are best stretched.

    python benchmarks/embedded_model/length.py BUNDLE --state STATE

Held-out files of at least twice the window are read from their beginning, once with the positions as they are and once
with each stretch; the loss is averaged by position. For comparison, what lies beyond the window is also read with only
the last window before it, in halves: what a caller does today who has more text than fits.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import open_backend
from devstral_ls.engine.manifest import read_manifest
from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.blocks.rope import read_rope
from onnx_export.checkpoint import Settings
from onnx_export.pretrain import corpus
from onnx_export.pretrain.state import DEFAULT_ROOT, State

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

STRETCH = 2
N_BUCKETS = 8  # of the stretched window
ROPES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "linear": {"rope_type": "linear", "factor": STRETCH},
    "yarn": {"rope_type": "yarn", "factor": STRETCH},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--files", type=int, default=40)
    given = parser.parse_args()
    manifest = read_manifest(given.bundle)
    window, tokenizer = STRETCH * manifest.window_tokens, Tokenizer.open(given.bundle / "tokenizer.json")
    texts = list(long_texts(given.state, tokenizer, window, given.files))
    losses: dict[str, list[float]] = {}
    for name, stretch in ROPES.items():
        with tempfile.TemporaryDirectory() as folder:
            stretched(given.bundle, Path(folder), window, stretch)
            losses[name] = by_position(losses_of(Path(folder), texts, window))
        print(name, losses[name], flush=True)
    losses["the last window only"] = by_position(losses_in_halves(given.bundle, texts, window))
    print("the last window only", losses["the last window only"])
    figures = {"n_files": len(texts), "trained_window": manifest.window_tokens, "tokens_a_bucket": window // N_BUCKETS}
    print(f"wrote {record('embedded_model_length', {**figures, 'nats_a_token_by_position': losses})}")


def long_texts(state: Path, tokenizer: Tokenizer, window: int, n_files: int) -> Iterator[NDArray[np.int64]]:
    """The beginnings of the longest held-out files, in the model's own form."""
    files = corpus.load(State(state.expanduser()), corpus.HELD_OUT_FILE)
    for file in sorted(files, key=lambda each: (-len(each.text), each.path))[:n_files]:
        marks = [1, tokenizer.marker("[FILE]"), *tokenizer.encode(f"{file.path}\n"), *tokenizer.encode(file.text)]
        if window < len(marks):
            yield np.array(marks[: window + 1], np.int64)


def stretched(bundle: Path, folder: Path, window: int, stretch: dict[str, Any]) -> None:
    """A copy of a bundle with a longer window."""
    shutil.copytree(bundle, folder, dirs_exist_ok=True)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    rope = read_rope(settings_of(manifest, stretch), manifest["head_dim"])
    model = onnx.load(folder / "model.onnx")
    for name, function in (("rope.cos", np.cos), ("rope.sin", np.sin)):
        table = function(np.outer(np.arange(window, dtype=np.float32), rope.frequencies)) * rope.attention_factor
        next(each for each in model.graph.initializer if each.name == name).CopyFrom(
            numpy_helper.from_array(table.astype(np.float32), name)
        )
    for file in ("model.onnx", "model.onnx.data"):
        (folder / file).unlink(missing_ok=True)
    onnx.save(model, folder / "model.onnx")
    (folder / "manifest.json").write_text(json.dumps(manifest | {"window_tokens": window}), "utf-8")


def settings_of(manifest: dict[str, Any], stretch: dict[str, Any]) -> Settings:
    window = manifest["window_tokens"]
    return Settings(
        {
            "max_position_embeddings": window,
            "rope_theta": 10_000.0,
            "rope_scaling": {"original_max_position_embeddings": window, **stretch},
        }
    )


def losses_of(bundle: Path, texts: list[NDArray[np.int64]], window: int) -> list[NDArray[np.float32]]:
    """The loss of each token but the first, in nats, everything before it read."""
    backend = open_backend(bundle, read_manifest(bundle), provider="cpu", n_threads=1)
    cache = backend.new_cache(window)
    rows = []
    for text in texts:
        logits = backend.logits(cache, text[:-1], n_past=0, n_logits=len(text) - 1, cancel=CancelToken())
        rows.append(nats(logits, text[1:]))
    backend.close()
    return rows


def losses_in_halves(bundle: Path, texts: list[NDArray[np.int64]], window: int) -> list[NDArray[np.float32]]:
    """The same with at most one trained window: after the first, half of it is read again for each further half."""
    backend = open_backend(bundle, read_manifest(bundle), provider="cpu", n_threads=1)
    trained = window // STRETCH
    cache = backend.new_cache(trained)
    rows = []
    for text in texts:
        parts = []
        for start in range(0, window - trained + 1, trained // 2):
            part = text[start : start + trained + 1]
            logits = backend.logits(cache, part[:-1], n_past=0, n_logits=trained, cancel=CancelToken())
            found = nats(logits, part[1:])
            parts.append(found if start == 0 else found[trained // 2 :])
        rows.append(np.concatenate(parts))
    backend.close()
    return rows


def nats(logits: NDArray[np.float32], right: NDArray[np.int64]) -> NDArray[np.float32]:
    top = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(-1)) + top[:, 0]
    found: NDArray[np.float32] = total - logits[np.arange(len(right)), right]
    return found


def by_position(rows: list[NDArray[np.float32]]) -> list[float]:
    return [round(float(part.mean()), 3) for part in np.array_split(np.stack(rows), N_BUCKETS, axis=1)]


if __name__ == "__main__":
    main()
