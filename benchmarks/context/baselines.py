"""Honest re-implementations of what others show a model, for the recall table.

Each gets the same repository, text and cursor as ours and pays for its text with the same tokens. Windows and
chunks are whole source text, so they pay for bodies too; that is how those systems work.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from recall import COUNTS, Case, Method, Repository, Shown, shown_by

from devstral_ls.context.names import IDENTIFIER
from devstral_ls.context.outline import Kind
from devstral_ls.context.pack import Candidate
from devstral_ls.context.skeleton import render_symbol

WINDOW_LINES = 60
N_NEAREST_FILES = 20
CHUNK_LINES, CHUNK_STEP = 40, 30
K1, B = 1.2, 0.75
RING_CHUNKS, RING_LINES = 16, 64
OPEN_FILE_WEIGHT = 50
MAX_MAPPED = 8000
MAX_DEFINERS = 100  # a name that so many files define leads nowhere
Chunk = tuple[str, int, int]  # path, first line, line after the last


def jaccard_windows(case: Case, repository: Repository) -> Callable[[int], Shown]:
    """Open tabs: of the 20 files nearest by path the 60-line window most like the last 60 lines, best file first."""
    before = case.place.before.split("\n")[-WINDOW_LINES:]
    words = set(IDENTIFIER.findall("\n".join(before)))
    nearest = _nearest(case.held_out.path, tuple(repository.texts))[:N_NEAREST_FILES]
    ranked = [max((_jaccard(words, named), chunk) for chunk, named in _windows(path, repository)) for path in nearest]
    ranked_chunks = [chunk for _, chunk in sorted(ranked, reverse=True)]
    return lambda budget_tokens: _filled(ranked_chunks, repository, budget_tokens)


def bm25_chunks(case: Case, repository: Repository) -> Callable[[int], Shown]:
    """Search: 40-line chunks of the whole repository by BM25 with the words around the cursor."""
    chunks, postings, lengths = _chunks(repository)
    lines = case.place.document.text.split("\n")
    near = lines[max(0, case.place.line - 20) : case.place.line + 20]
    scores = np.zeros(len(chunks))
    for word in set(IDENTIFIER.findall("\n".join(near))):
        rows, counts = postings.get(word, (np.zeros(0, int), np.zeros(0)))
        idf = np.log1p((len(chunks) - len(rows) + 0.5) / (len(rows) + 0.5))
        scores[rows] += idf * counts * (K1 + 1) / (counts + K1 * (1 - B + B * lengths[rows] / lengths.mean()))
    ranked = [chunks[row] for row in np.argsort(-scores)[:2000] if chunks[row][0] != case.held_out.path]
    return lambda budget_tokens: _filled(ranked, repository, budget_tokens)


def page_rank_map(case: Case, repository: Repository) -> Callable[[int], Shown]:
    """A map: signatures by PageRank over who names whose definitions, walked from the text at hand."""
    own = repository.columns.file_rows[case.held_out.path]
    graph = _graph(repository)
    here = [(name, count) for name, count in case.record.names.items() if name in graph.definers]
    edges = [
        (definer, _name_weight(name, graph) * np.sqrt(count) * OPEN_FILE_WEIGHT)
        for name, count in here
        for definer in graph.definers[name]
        if definer != own
    ]
    kept = graph.sources != own
    sources = np.concatenate([graph.sources[kept], np.full(len(edges), own)])
    targets = np.concatenate([graph.targets[kept], [definer for definer, _ in edges]]).astype(int)
    values = np.concatenate([graph.values[kept], [value for _, value in edges]])
    ranks = _page_rank(sources, targets, values, own, repository.columns.n_files)
    by_definition: Counter[tuple[int, str]] = Counter()
    total = max(1e-9, sum(value for _, value in edges))
    for name, definers in graph.definers.items():
        weight = _name_weight(name, graph) * np.sqrt(graph.n_uses[name])
        for definer in definers:
            by_definition[definer, name] += ranks[definer] * weight / graph.weight_into[definer]
    for name, count in here:
        for definer in graph.definers[name]:
            share = _name_weight(name, graph) * np.sqrt(count) * OPEN_FILE_WEIGHT
            by_definition[definer, name] += ranks[own] * share / total
    ranked = [key for key, _ in by_definition.most_common(MAX_MAPPED) if key[0] != own]
    return lambda budget_tokens: _mapped(ranked, repository, budget_tokens)


def _page_rank(sources: np.ndarray, targets: np.ndarray, values: np.ndarray, own: int, n_files: int) -> np.ndarray:
    out = np.bincount(sources, weights=values, minlength=n_files)
    ranks = np.full(n_files, 1 / n_files)
    for _ in range(20):
        flow = ranks[sources] * values / np.maximum(out[sources], 1e-12)
        ranks = 0.85 * np.bincount(targets, weights=flow, minlength=n_files)
        ranks[own] += 0.15
    return ranks


def _name_weight(name: str, graph: "Graph") -> float:
    """Long telling names count tenfold, private ones and those with many definitions a tenth."""
    is_telling = 8 <= len(name) and ("_" in name or not name.islower())
    weight = 10.0 if is_telling else 1.0
    return weight * (0.1 if name.startswith("_") else 1) * (0.1 if 5 < len(graph.definers[name]) else 1)


def recent_ring(case: Case, repository: Repository) -> Callable[[int], Shown]:
    """A ring of 16 chunks of 64 lines from files visited before this one: its neighbours, newest first."""
    ranked = []
    for path in _nearest(case.held_out.path, tuple(repository.texts))[:RING_CHUNKS]:
        n_lines = repository.texts[path].count("\n") + 1
        first = (hash_of(path) % max(1, n_lines)) // RING_LINES * RING_LINES
        ranked.append((path, first, min(first + RING_LINES, n_lines)))
    return lambda budget_tokens: _filled(ranked, repository, budget_tokens)


def hash_of(text: str) -> int:
    """The same number in every run, for choices that llama.vim makes at random."""
    return sum(ord(character) * (index + 1) for index, character in enumerate(text))


BASELINES: dict[str, Method] = {
    "jaccard": jaccard_windows,
    "bm25": bm25_chunks,
    "pagerank": page_rank_map,
    "ring": recent_ring,
}


def _filled(chunks: list[Chunk], repository: Repository, budget_tokens: int) -> Shown:
    """The lines of the first chunks that fit; the last one is cut."""
    shown: Shown = set()
    left = budget_tokens
    for path, first, end in chunks:
        left -= COUNTS.of(f"{path}\n")
        for number, line in enumerate(repository.texts[path].split("\n")[first:end], first):
            left -= COUNTS.of(line + "\n")
            if left < 0:
                return shown
            shown.add((path, number))
    return shown


def _mapped(ranked: list[tuple[int, str]], repository: Repository, budget_tokens: int) -> Shown:
    """Signatures in ranked order, each with its class line, until the budget is full."""
    columns = repository.columns
    chosen: list[Candidate] = []
    seen: set[tuple[int, int]] = set()
    left = budget_tokens
    for file, name in ranked:
        path = columns.paths[file]
        outline = repository.records[path].outline
        for index in _named(path, repository).get(name, ()):
            if left < 0:
                return shown_by(chosen)
            for line in (index, outline.symbols[index].parent):
                if 0 <= line and (file, line) not in seen:
                    seen.add((file, line))
                    left -= COUNTS.of("\n" + render_symbol(outline, line))
            if 0 <= left:
                chosen.append(Candidate(path, outline, index, 0, 0, None, 0))
    return shown_by(chosen)


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 0


@cache
def _nearest(path: str, paths: tuple[str, ...]) -> list[str]:
    own = path.split("/")

    def distance(other: str) -> tuple[int, str]:
        parts = other.split("/")
        common = next(
            (n for n, (a, b) in enumerate(zip(own, parts, strict=False)) if a != b), min(len(own), len(parts))
        )
        return (len(own) + len(parts) - 2 * common, other)

    return sorted((each for each in paths if each != path), key=distance)


def _windows(path: str, repository: Repository) -> list[tuple[Chunk, set[str]]]:
    """The windows of a file, one every ten lines, and the names in each."""
    if ("windows", path) not in repository.derived:
        lines = repository.texts[path].split("\n")
        windows = [(path, first, min(first + WINDOW_LINES, len(lines))) for first in range(0, len(lines), 10)]
        repository.derived["windows", path] = [(each, _names(lines[each[1] : each[2]])) for each in windows]
    return repository.derived["windows", path]


def _names(lines: list[str]) -> set[str]:
    return set(map(sys.intern, IDENTIFIER.findall("\n".join(lines))))


def _named(path: str, repository: Repository) -> dict[str, list[int]]:
    """The functions and classes of a file by their names."""
    if ("named", path) not in repository.derived:
        found = repository.derived["named", path] = defaultdict(list)
        for index, symbol in enumerate(repository.records[path].outline.symbols):
            if symbol.kind not in (Kind.VARIABLE, Kind.FIELD):
                found[symbol.name].append(index)
    return repository.derived["named", path]


def _chunks(repository: Repository) -> tuple[list[Chunk], dict[str, Any], np.ndarray]:
    if "chunks" not in repository.derived:
        chunks: list[Chunk] = []
        counted: list[Counter[str]] = []
        for path, text in repository.texts.items():
            lines = text.split("\n")
            for first in range(0, max(1, len(lines) - 10), CHUNK_STEP):
                chunks.append((path, first, min(first + CHUNK_LINES, len(lines))))
                counted.append(Counter(IDENTIFIER.findall("\n".join(lines[first : first + CHUNK_LINES]))))
        gathered = defaultdict(list)
        for row, words in enumerate(counted):
            for word, count in words.items():
                gathered[word].append((row, count))
        postings = {word: tuple(np.array(rows).T) for word, rows in gathered.items()}
        repository.derived["chunks"] = (chunks, postings, np.array([max(1, sum(words.values())) for words in counted]))
    return repository.derived["chunks"]


@dataclass(frozen=True, slots=True)
class Graph:
    """Who names whose definitions, as weighted edges between files."""

    definers: dict[str, set[int]]
    n_uses: Counter[str]
    sources: np.ndarray
    targets: np.ndarray
    values: np.ndarray
    weight_into: np.ndarray


def _graph(repository: Repository) -> Graph:
    if "graph" not in repository.derived:
        rows = repository.columns.file_rows
        definers: dict[str, set[int]] = defaultdict(set)
        n_uses: Counter[str] = Counter()
        for path, record in repository.records.items():
            for symbol in record.outline.symbols:
                if symbol.kind in {Kind.FUNCTION, Kind.CLASS}:
                    definers[symbol.name].add(rows[path])
        weights: dict[tuple[int, int], float] = defaultdict(float)
        graph = Graph(definers, n_uses, *(np.zeros(0) for _ in range(4)))
        for path, record in repository.records.items():
            for name, count in record.names.items():
                if name in definers and len(definers[name]) <= MAX_DEFINERS:
                    n_uses[name] += count
                    for definer in definers[name]:
                        weights[rows[path], definer] += _name_weight(name, graph) * np.sqrt(count)
        sources, targets = np.array(list(weights), int).reshape(-1, 2).T
        values = np.array(list(weights.values()))
        into = np.maximum(np.bincount(targets, weights=values, minlength=len(rows)), 1e-9)
        repository.derived["graph"] = replace(graph, sources=sources, targets=targets, values=values, weight_into=into)
    return repository.derived["graph"]
