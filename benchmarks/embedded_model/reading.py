"""How well a bundle foresees code it reads from left to right: bits a byte and right first guesses."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from cases import neighbours_in
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import open_backend
from devstral_ls.engine.manifest import Manifest, read_manifest
from devstral_ls.engine.match_model import MatchIndex, joined
from devstral_ls.engine.mixing import Mixer, Mixing
from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.pretrain.corpus import SourceFile

WINDOW_TOKENS = 512
INDEX_STEP_TOKENS = 32

Tokens = NDArray[np.int64]
Logits = NDArray[np.float32]  # [n_tokens, vocab]


def read(folder: Path, files: list[SourceFile], n_windows: int) -> dict[str, float]:
    """Figures over windows drawn evenly from the text; a file's path is shown to the model, not counted."""
    manifest = read_manifest(folder)
    tokenizer = Tokenizer.open(folder / "tokenizer.json")
    mixing = _mixing(manifest, tokenizer)
    around = neighbours_in(files)
    nats, nats_mixed, nats_in_package, n_bytes, n_right, n_tokens = 0.0, 0.0, 0.0, 0, 0, 0
    for file, context, body, logits in _windows(folder, manifest, tokenizer, files, n_windows):
        package = MatchIndex(joined([tokenizer.encode(text) for text in around(file)]))
        nats += _nats(logits, body)
        nats_mixed += _nats(np.array(list(_mixed(mixing, context, logits, None))), body)
        nats_in_package += _nats(np.array(list(_mixed(mixing, context, logits, package))), body)
        n_right += int((logits.argmax(-1) == body).sum())
        n_tokens += len(body)
        n_bytes += len(tokenizer.text(body).encode())
    return {
        "bits_per_byte": round(nats / n_bytes / math.log(2), 4),
        "bits_per_byte_with_matches": round(nats_mixed / n_bytes / math.log(2), 4),
        "bits_per_byte_with_matches_and_the_package": round(nats_in_package / n_bytes / math.log(2), 4),
        "nats_per_token": round(nats / n_tokens, 4),
        "first_guess_right": round(n_right / n_tokens, 4),
        "bytes_per_token": round(n_bytes / n_tokens, 3),
    }


def _windows(
    folder: Path, manifest: Manifest, tokenizer: Tokenizer, files: list[SourceFile], n_windows: int
) -> Iterator[tuple[SourceFile, Tokens, Tokens, Logits]]:
    """Its file, all tokens of a window, those that count, and the logits before each of these."""
    backend = open_backend(folder, manifest, provider="cpu", n_threads=1)
    cache = backend.new_cache(WINDOW_TOKENS)
    rng = random.Random(0)
    for file in rng.choices(files, [len(file.text) for file in files], k=n_windows):
        start = file.text.rfind("\n", 0, rng.randrange(len(file.text))) + 1
        marks = [manifest.bos_token_id, tokenizer.marker("[FILE]")]
        header = np.concatenate([marks, tokenizer.encode(f"{file.path}\n")]).astype(np.int64)
        body = tokenizer.encode(file.text[start : start + 8 * WINDOW_TOKENS])[: WINDOW_TOKENS - len(header)]
        ids = np.concatenate([header, body])
        logits = backend.logits(cache, ids, n_past=0, n_logits=len(body) + 1, cancel=CancelToken())
        yield file, ids, body, logits[:-1]


def _mixed(mixing: Mixing, ids: Tokens, logits: Logits, package: MatchIndex | None) -> Iterator[Logits]:
    """The logits of each place with what the text before it and the package say; the index is a few tokens late."""
    first = len(ids) - len(logits)
    mixer = Mixer(mixing, [MatchIndex(ids[:first])], package)
    for place, row in enumerate(logits, start=first):
        if place % INDEX_STEP_TOKENS == 0:
            mixer = Mixer(mixing, [MatchIndex(ids[:place].copy())], package)
        mixed = mixer.mixed(row, ids[:place])
        yield row if mixed is None else mixed.copy()


def _mixing(manifest: Manifest, tokenizer: Tokenizer) -> Mixing:
    is_text = np.array([bool(piece) for piece in tokenizer.pieces])
    return Mixing(manifest.match_ladder, manifest.project_ladder, is_text, list(manifest.eos_token_ids))


def _nats(logits: Logits, tokens: Tokens) -> float:
    peak = logits.max(-1)
    log_sums = peak + np.log(np.exp(logits - peak[:, None]).sum(-1))
    return float((log_sums - logits[np.arange(len(tokens)), tokens]).sum())
