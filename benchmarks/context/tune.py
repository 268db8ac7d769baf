"""Fit the ranker's weights on the tuned repositories, leaving one out at a time.

    python benchmarks/context/tune.py          # prints a weight table and its honest (left-out) loss

The loss is that of picking a needed definition among all symbols by its value for its size, in the plain and the
strict form alike. Weights keep the sign that their meaning gives them and are drawn towards the current
table, so that few repositories cannot move them far.
"""

import argparse
import json
from dataclasses import dataclass

import numpy as np
from gold import gold_of
from recall import N_LINES, Case, Repository, acceptable, case_of, open_repository
from repositories import TUNED

from devstral_ls.context.pack import CHARACTERS_PER_TOKEN, MIN_SIZE_TOKENS, SIZE_EXPONENT
from devstral_ls.context.rank import FEATURES, WEIGHTS, rank

N_HARD = 1_000  # symbols kept of each case: those that the current weights prefer, and the needed ones
PULL = 0.02
SCALES = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)  # how sharply a difference of scores decides
N_STEPS = 250
N_FIRST = 250  # so many signatures are about 4,096 tokens


@dataclass(frozen=True, slots=True)
class Sample:
    """The features of the hard symbols of one case, and which of them were needed."""

    features: np.ndarray  # [n_features, n_symbols]
    size_factor: np.ndarray  # [n_symbols]
    is_needed: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", nargs="*", default=list(TUNED))
    arguments = parser.parse_args()
    samples = {each: _samples(each) for each in arguments.repositories}
    start = np.array([WEIGHTS[name] for name in FEATURES])
    everything = [each for group in samples.values() for each in group]
    scale = min(SCALES, key=lambda scale: _loss(everything, start, scale)[0])
    for left_out, unseen in samples.items():
        fitted = _fit([s for name, group in samples.items() if name != left_out for s in group], start, scale)
        before, after = _loss(unseen, start, scale)[0], _loss(unseen, fitted, scale)[0]
        hits = [_share_within(unseen, weights, N_FIRST) for weights in (start, fitted)]
        print(
            f"{left_out:20} loss {before:.3f} -> {after:.3f}   in the first {N_FIRST}: {hits[0]:.3f} -> {hits[1]:.3f}",
            flush=True,
        )
    fitted = _fit(everything, start, scale)
    print(json.dumps({name: round(float(weight), 2) for name, weight in zip(FEATURES, fitted, strict=True)}, indent=4))


def _samples(requirement: str) -> list[Sample]:
    repository = open_repository(requirement)
    held_out = gold_of(requirement, N_LINES)
    cases = [case_of(each, repository, strict=strict) for strict in (False, True) for each in held_out]
    return [each for case in cases if (each := _sample(case, repository)) is not None]


def _sample(case: Case, repository: Repository) -> Sample | None:
    columns = repository.columns
    ranking = rank(case.query, columns)
    lines = {line for gold in case.held_out.gold for line in acceptable(gold, repository)}
    needed = {
        row
        for path in {path for path, _ in lines}
        for row in columns.symbols_of(columns.file_rows[path])
        if (
            path,
            columns.outline(columns.file_rows[path])
            .symbols[row - columns.symbols_of(columns.file_rows[path]).start]
            .first_line,
        )
        in lines
    }
    if not needed:
        return None
    factor = 1 / (columns.symbol_size / CHARACTERS_PER_TOKEN + MIN_SIZE_TOKENS) ** SIZE_EXPONENT
    hard = np.argsort(-ranking.scores * factor)[:N_HARD]
    own = columns.file_rows[case.held_out.path]
    rows = np.array([row for row in {*hard.tolist(), *needed} if columns.symbol_file[row] != own])
    return Sample(ranking.features[:, rows], factor[rows] / factor.mean(), np.isin(rows, list(needed)))


def _fit(samples: list[Sample], start: np.ndarray, scale: float) -> np.ndarray:
    """Adam on the loss, drawn towards `start`, each weight keeping its sign."""
    weights, sign = start.copy(), np.sign(start)
    mean, square = np.zeros_like(start), np.zeros_like(start)
    for step in range(1, N_STEPS + 1):
        _, gradient = _loss(samples, weights, scale)
        gradient += 2 * PULL * (weights - start) / np.maximum(np.abs(start), 0.5)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
        weights -= 0.05 * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        weights = np.where(weights * sign < 0, 0, weights)
    return weights


def _loss(samples: list[Sample], weights: np.ndarray, scale: float) -> tuple[float, np.ndarray]:
    """The mean of -log of the share that the needed symbols get, and its gradient."""
    total, gradient = 0.0, np.zeros_like(weights)
    for each in samples:
        scaled = each.features * each.size_factor * scale
        values = weights @ scaled
        shares = np.exp(values - values.max())
        shares /= shares.sum()
        for needed in np.flatnonzero(each.is_needed):
            others = shares * ~each.is_needed
            denominator = others.sum() + shares[needed]
            total -= np.log(shares[needed] / denominator)
            picked = others / denominator
            picked[needed] = shares[needed] / denominator - 1
            gradient += scaled @ picked
    return total / len(samples), gradient / len(samples)


def _share_within(samples: list[Sample], weights: np.ndarray, n_first: int) -> float:
    """How often a needed symbol is among the first `n_first`."""
    ranks = []
    for each in samples:
        values = (weights @ each.features) * each.size_factor
        ranks += [(values > values[needed]).sum() for needed in np.flatnonzero(each.is_needed)]
    return float(np.mean(np.array(ranks) < n_first))


if __name__ == "__main__":
    main()
