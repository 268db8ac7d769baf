"""The best signatures that fit in a budget, grouped by file, never a token over."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from devstral_ls.context.columns import Columns
from devstral_ls.context.outline import Outline
from devstral_ls.context.pieces import Piece
from devstral_ls.context.rank import Ranking
from devstral_ls.context.skeleton import render_skeleton, render_symbol
from devstral_ls.context.tokens import TokenCounts

# A piece is written as a marker, its path, a line end, its text and a line end.
MARKER_TOKENS = 1
# Below it a symbol is noise: an empty context is a valid one.
MIN_SCORE = 0.8
# Between pure value (0) and value a token (1): long signatures pay, but not in full.
SIZE_EXPONENT = 0.35
MIN_SIZE_TOKENS = 6
CHARACTERS_PER_TOKEN = 3.5
MAX_CANDIDATES = 40_000
# After so many candidates that did not fit, the budget counts as full.
MAX_MISSES = 24
_TITLE = -1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A symbol that may be worth showing."""

    path: str
    outline: Outline
    symbol: int
    score: float
    density: float  # its score for its size
    ranking: Ranking = field(repr=False, compare=False)
    row: int = field(repr=False, compare=False)  # in that ranking

    @property
    def key(self) -> tuple[str, str, str]:
        """What it shows, wherever in its file it stands now."""
        symbol = self.outline.symbols[self.symbol]
        return (self.path, self.outline.owner_name(symbol), symbol.signature)


def candidates(columns: Columns, ranking: Ranking, hidden: Iterable[str] = ()) -> Iterator[Candidate]:
    """The symbols that score, the most value for their size first; `hidden` files are shown by somebody else."""
    scores = ranking.scores
    density = scores / (columns.symbol_size / CHARACTERS_PER_TOKEN + MIN_SIZE_TOKENS) ** SIZE_EXPONENT
    density[scores < MIN_SCORE] = 0
    for path in hidden:
        file = columns.file_rows.get(path)
        if file is not None:
            own = columns.symbols_of(file)
            density[own.start : own.stop] = 0
    # A stable sort, so that equal symbols come in the order of their files and lines.
    order = np.argsort(-density, kind="stable")[: min(MAX_CANDIDATES, int(np.count_nonzero(density)))]
    for symbol in order.tolist():
        file = int(columns.symbol_file[symbol])
        first = int(columns.file_first_symbol[file])
        yield Candidate(
            columns.paths[file],
            columns.outline(file),
            symbol - first,
            float(scores[symbol]),
            float(density[symbol]),
            ranking,
            symbol,
        )


def choose(wanted: Iterable[Candidate], budget_tokens: int, counts: TokenCounts) -> list[Candidate]:
    """The first of the wanted that fit together with the titles and classes that they stand under."""
    chosen: list[Candidate] = []
    shown: set[tuple[str, int]] = set()
    n_left = budget_tokens
    n_misses = 0
    for candidate in wanted:
        cost, owners = _cost(candidate, shown, counts)
        if n_left < cost:
            n_misses += 1
            if MAX_MISSES < n_misses:
                break
            continue
        n_left -= cost
        shown.update(owners)
        chosen.append(candidate)
    return _fitting(chosen, budget_tokens, counts)


def _cost(candidate: Candidate, shown: set[tuple[str, int]], counts: TokenCounts) -> tuple[int, list[tuple[str, int]]]:
    """The tokens that a candidate adds, and the lines that it brings along."""
    path, outline = candidate.path, candidate.outline
    brought = [(path, _TITLE), (path, candidate.symbol)]
    parent = outline.symbols[candidate.symbol].parent
    while 0 <= parent:
        brought.append((path, parent))
        parent = outline.symbols[parent].parent
    new = [each for each in brought if each not in shown]
    if (path, candidate.symbol) not in new:
        return 0, []
    return sum(_line_tokens(path, outline, line, counts) for _, line in new), new


def _line_tokens(path: str, outline: Outline, line: int, counts: TokenCounts) -> int:
    """Counted with the line end before it: there every tokenizer may cut, so that the counts add up."""
    if line == _TITLE:
        return MARKER_TOKENS + counts.of(f"{path}\n")
    return counts.of("\n" + render_symbol(outline, line, ()))


def pieces_of(chosen: Sequence[Candidate]) -> tuple[Piece, ...]:
    """The chosen symbols as text, one piece a file, sorted by path."""
    by_path: dict[str, list[Candidate]] = {}
    for each in chosen:
        by_path.setdefault(each.path, []).append(each)
    return tuple(
        Piece(path, render_skeleton(group[0].outline, (each.symbol for each in group)), "signatures")
        for path, group in sorted(by_path.items())
    )


def piece_tokens(piece: Piece, counts: TokenCounts) -> int:
    """What a whole piece costs in the prompt."""
    return MARKER_TOKENS + counts.of(f"{piece.path}\n{piece.text}\n")


def _fitting(chosen: list[Candidate], budget_tokens: int, counts: TokenCounts) -> list[Candidate]:
    """The chosen without the last ones, should the whole be longer than the sum of its parts."""
    while chosen and budget_tokens < sum(piece_tokens(piece, counts) for piece in pieces_of(chosen)):
        del chosen[-max(1, len(chosen) // 32) :]
    return chosen
