"""The best signatures that fit in a budget, grouped by file, never a token over."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

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

    def alone(self) -> "Candidate":
        """The same, without the rest of its ranking."""
        return replace(self, ranking=self.ranking.of(self.row), row=0)


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
    """The first of the wanted that fit, with the titles and classes that they stand under; nothing twice."""
    chosen: list[Candidate] = []
    shown: dict[str, set[int]] = {}
    n_left = budget_tokens
    n_misses = 0
    for candidate in wanted:
        if candidate.symbol in candidate.outline.repeats:
            continue
        shown_of_file = shown.get(candidate.path)
        cost, lines = _cost(candidate, shown_of_file, counts)
        if n_left < cost:
            n_misses += 1
            if MAX_MISSES < n_misses:
                break
            continue
        n_left -= cost
        if shown_of_file is None:
            shown_of_file = shown[candidate.path] = set()
        shown_of_file.update(lines)
        chosen.append(candidate)
    return _fitting(chosen, budget_tokens, counts)


def _cost(candidate: Candidate, shown: set[int] | None, counts: TokenCounts) -> tuple[int, list[int]]:
    """The tokens that a candidate adds, and the symbols of its file that it brings along."""
    outline, line = candidate.outline, candidate.symbol
    known = outline.line_counts.get(counts.counted_by)
    if known is None:
        known = outline.line_counts[counts.counted_by] = [0] * len(outline.symbols)
    cost = MARKER_TOKENS + counts.of(f"{candidate.path}\n") if shown is None else 0
    lines: list[int] = []
    while 0 <= line and (shown is None or line not in shown):
        # Counted with the line end before it: there every tokenizer may cut, so that the counts add up.
        known[line] = known[line] or counts.of("\n" + render_symbol(outline, line))
        cost += known[line]
        lines.append(line)
        line = outline.symbols[line].parent
    return cost, lines


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
