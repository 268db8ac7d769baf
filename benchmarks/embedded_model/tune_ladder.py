"""How far to trust the text at hand: `python benchmarks/embedded_model/tune_ladder.py BUNDLE`.

Fits the weights of `devstral_ls/engine/mixing.py` to a bundle, on files of the training corpus, few of which a short
training has seen; the held-out packages stay untouched. What is printed goes into the bundle's manifest at export:
the ladder of the file's own text, then that of the other files of its package.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cases import neighbours_in
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.manifest import read_manifest
from devstral_ls.engine.match_model import MatchIndex, joined
from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.pretrain import corpus
from onnx_export.pretrain.corpus import SourceFile
from onnx_export.pretrain.state import DEFAULT_ROOT, State

LENGTHS = (1, 2, 3, 5, 8, 14)
PROJECT_LENGTHS = (2, 3, 5, 8, 14)  # a single token stands in too many places to search them all
WINDOW_TOKENS = 768
PLACES_PER_WINDOW = 24
MIN_CONTEXT_TOKENS = 64
STEPS = np.linspace(0.0, 0.98, 50)
ROUNDS = 6

Chances = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--windows", type=int, default=150)
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    arguments = parser.parse_args()
    files = corpus.load(State(arguments.state.expanduser()), corpus.TRAIN_FILE)
    tokenizer = Tokenizer.open(arguments.bundle / "tokenizer.json")
    backend = open_backend(arguments.bundle, read_manifest(arguments.bundle), provider="cpu", n_threads=1)
    rng = random.Random(0)
    chosen = rng.choices(files, [len(file.text) for file in files], k=arguments.windows)
    around = neighbours_in(files)
    measured = np.array([row for file in chosen for row in _measure(backend, tokenizer, file, around(file), rng)])
    n_project = len(PROJECT_LENGTHS)
    weights = fit(measured)
    own = np.concatenate([np.zeros(n_project), weights[n_project:]])
    alone, with_own, with_all = (_nats(measured, each) for each in (np.zeros(len(weights)), own, weights))
    nats = f"{alone:.3f} nats from the network, {with_own:.3f} with the file, {with_all:.3f} with the package"
    print(f"{len(measured)} places: {nats}")
    print(_ladder(LENGTHS, weights[n_project:]))
    print(_ladder(PROJECT_LENGTHS, weights[:n_project]))


def _ladder(lengths: Sequence[int], weights: Chances) -> str:
    return json.dumps([[length, round(float(weight), 2)] for length, weight in zip(lengths, weights, strict=True)])


def fit(measured: Chances) -> Chances:
    """One weight after the other, each the best while the others stay, a few times around."""
    weights = np.full(measured.shape[1] - 1, 0.3)
    for _ in range(ROUNDS):
        for n in range(len(weights)):
            tried = np.repeat(weights[None], len(STEPS), axis=0)
            tried[:, n] = STEPS
            weights = tried[np.argmin([_nats(measured, each) for each in tried])]
    return weights


def _nats(measured: Chances, weights: Chances) -> float:
    """Mean loss: column 0 is the network's chance of the right token, the others the matches', NaN for no match.

    They are mixed in this order: what comes later outweighs what came before.
    """
    chances = measured[:, 0].copy()
    for column, weight in enumerate(weights, start=1):
        matched = measured[:, column]
        is_known = ~np.isnan(matched)
        chances[is_known] = (1 - weight) * chances[is_known] + weight * matched[is_known]
    return float(-np.log(np.maximum(chances, 1e-9)).mean())


def _measure(
    backend: OrtBackend, tokenizer: Tokenizer, file: SourceFile, neighbours: Sequence[str], rng: random.Random
) -> list[list[float]]:
    """Chances of the right token at some places of one window."""
    ids = tokenizer.encode(file.text)
    start = rng.randrange(max(1, len(ids) - WINDOW_TOKENS))
    window = ids[start : start + WINDOW_TOKENS]
    if len(window) <= MIN_CONTEXT_TOKENS + PLACES_PER_WINDOW:
        return []
    cache = backend.new_cache(WINDOW_TOKENS)
    logits = backend.logits(cache, window, n_past=0, n_logits=len(window), cancel=CancelToken())
    places = rng.sample(range(MIN_CONTEXT_TOKENS, len(window)), PLACES_PER_WINDOW)
    project = MatchIndex(joined([tokenizer.encode(text) for text in neighbours]))
    return [_chances(logits[place - 1], window, place, project) for place in places]


def _chances(logits: NDArray[np.float32], window: NDArray[np.int64], place: int, project: MatchIndex) -> list[float]:
    spread = np.exp(logits - logits.max())
    context, token = window[:place], int(window[place])
    return [
        float(spread[token] / spread.sum()),
        *_followed(project, context, token, PROJECT_LENGTHS),
        *_followed(MatchIndex(context), context, token, LENGTHS),
    ]


def _followed(index: MatchIndex, context: NDArray[np.int64], token: int, lengths: Sequence[int]) -> list[float]:
    """How often the token stood behind matches of each length."""
    matches = [index.longest(context[-length:], least=length) for length in lengths]
    return [float("nan") if m is None else float((index.tokens[m.places] == token).mean()) for m in matches]


if __name__ == "__main__":
    main()
