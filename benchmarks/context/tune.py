"""Fit the ranker's weights on the tuned repositories, leaving one out at a time.

    python benchmarks/context/tune.py          # prints a weight table and what it is worth where it was not fitted

What is raised is the share of needed definitions among the first symbols by value for size, in the plain and the
strict form alike, with a soft edge and each repository counting the same. One weight after the other is tried at a
few multiples of itself; none may go further than `MAX_CHANGE` from where it began, so that few repositories cannot
move them far.
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
N_FIRST = 260  # so many signatures are about 4,096 tokens
SHARPNESS = 3.0  # of the edge behind them
MULTIPLES = (0.6, 0.8, 1.25, 1.6)
MAX_CHANGE = 3.0
N_PASSES = 2
MIN_GAIN = 3e-4  # what is smaller is not worth moving a weight


@dataclass(frozen=True, slots=True)
class Sample:
    """The features of the hard symbols of one case, and which of them were needed."""

    features: np.ndarray  # [n_features, n_symbols], each divided by what the symbol's size counts
    needed: np.ndarray  # rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", nargs="*", default=list(TUNED))
    arguments = parser.parse_args()
    samples = {each: _samples(each) for each in arguments.repositories}
    start = np.array([WEIGHTS[name] for name in FEATURES], np.float32)
    for left_out, unseen in samples.items():
        fitted = _fitted([group for name, group in samples.items() if name != left_out], start)
        told = " -> ".join(f"{_share_within(unseen, weights):.3f}" for weights in (start, fitted))
        print(f"{left_out:20} left out: {told} of the needed in the first {N_FIRST}", flush=True)
    fitted = _fitted(list(samples.values()), start)
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
    return Sample(ranking.features[:, rows] * factor[rows], np.flatnonzero(np.isin(rows, list(needed))))


def _fitted(groups: list[list[Sample]], start: np.ndarray) -> np.ndarray:
    """The weights that hold the most needed symbols of all groups, by trying multiples of one after the other."""
    weights = start.copy()
    values = [[weights @ each.features for each in group] for group in groups]
    best = _soft_share(groups, values)
    for row in [*range(len(weights))] * N_PASSES:
        for multiple in MULTIPLES:
            tried = weights[row] * multiple
            if not 1 / MAX_CHANGE <= tried / start[row] <= MAX_CHANGE:
                continue
            moved = [
                [value + (tried - weights[row]) * each.features[row] for value, each in zip(*pair, strict=True)]
                for pair in zip(values, groups, strict=True)
            ]
            share = _soft_share(groups, moved)
            if best + MIN_GAIN < share:
                best, values, weights[row] = share, moved, tried
    return weights


def _soft_share(groups: list[list[Sample]], values: list[list[np.ndarray]]) -> float:
    """How many needed symbols are among the first `N_FIRST`, those near the edge counting in part."""
    shares = []
    for pair in zip(groups, values, strict=True):
        positions = np.concatenate([_positions(each, value) for each, value in zip(*pair, strict=True)])
        shares.append(np.mean(1 / (1 + ((positions + 1) / N_FIRST) ** SHARPNESS)))
    return float(np.mean(shares))


def _share_within(samples: list[Sample], weights: np.ndarray) -> float:
    """How often a needed symbol is among the first `N_FIRST`."""
    positions = np.concatenate([_positions(each, weights @ each.features) for each in samples])
    return float(np.mean(positions < N_FIRST))


def _positions(sample: Sample, values: np.ndarray) -> np.ndarray:
    """How many symbols stand before each needed one."""
    return np.array([np.count_nonzero(values[row] < values) for row in sample.needed])


if __name__ == "__main__":
    main()
