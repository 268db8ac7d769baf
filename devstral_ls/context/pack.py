"""The best signatures that fit in a budget, grouped by file, never a token over; where asked for, more of the best."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import numpy as np

from devstral_ls.context.columns import Columns
from devstral_ls.context.outline import Outline
from devstral_ls.context.pieces import Piece
from devstral_ls.context.rank import Ranking
from devstral_ls.context.skeleton import is_inside, render_skeleton, render_symbol
from devstral_ls.context.tiers import (
    PLAIN,
    TOKENS_A_LINE,
    USAGE_TOKENS,
    Detail,
    Reader,
    Tier,
    Usage,
    body_of,
    has_body,
    has_doc,
    usage_in,
    without_indent,
)
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
_SIGNATURE = str(Tier.SIGNATURE)
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
    detail: Detail = PLAIN

    @property
    def heading(self) -> tuple[str, ...]:
        """The signatures that it is shown with, wherever in its file it stands now."""
        return self.outline.headings[self.symbol]

    @property
    def key(self) -> tuple[str, ...]:
        """What it shows."""
        return (self.path, *self.heading)

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


def choose(
    wanted: Iterable[Candidate], budget_tokens: int, counts: TokenCounts, reader: Reader | None = None
) -> list[Candidate]:
    """The first of the wanted that fit, with the titles and classes that they stand under; nothing twice.

    With a reader more is shown of those that are worth more than the next one's signature.
    """
    packing = _Packing(budget_tokens, counts, reader)
    n_misses = 0
    for candidate in wanted:
        if candidate.symbol in candidate.outline.repeats:
            continue
        if reader is not None:
            packing.show_more(candidate.density)
        if not packing.show(candidate):
            n_misses += 1
            if MAX_MISSES < n_misses:
                break
    packing.show_more(0)
    return _fitting(packing.chosen, budget_tokens, counts)


class _Packing:
    """What is chosen so far and how much room is left; exists only while one budget is filled."""

    def __init__(self, budget_tokens: int, counts: TokenCounts, reader: Reader | None) -> None:
        self.chosen: list[Candidate] = []
        self._n_left = budget_tokens
        self._counts = counts
        self._reader = reader
        self._shown: dict[str, set[int]] = {}  # symbols, by path
        self._known: dict[str, list[int]] = {}  # what each symbol of a shown path costs, 0 where that is not known
        self._bodies: dict[str, list[Candidate]] = {}  # those that are shown whole, by path
        self._usages: dict[str, list[Usage]] = {}
        self._waiting: list[tuple[float, int, Tier]] = []  # a heap: more of what is chosen, the most value first
        self._n_misses = 0

    def show(self, candidate: Candidate) -> bool:
        """Show a signature, if it fits."""
        if self._bodies and self._is_in_a_body(candidate):
            self.chosen.append(candidate)
            return True
        path, outline, line = candidate.path, candidate.outline, candidate.symbol
        shown, known = self._shown.get(path, _NOTHING), self._known.get(path)
        cost = 0
        if known is None:
            known = self._known[path] = _known_counts(outline, self._counts)
        if not shown:
            cost = MARKER_TOKENS + self._counts.of(f"{path}\n")
        lines = []
        while 0 <= line and line not in shown:
            # Counted with the line end before it: there every tokenizer may cut, so that the counts add up.
            cost += known[line] or _count(line, outline, known, self._counts)
            lines.append(line)
            line = outline.symbols[line].parent
        if self._n_left < cost:
            return False
        self._n_left -= cost
        if shown:
            shown.update(lines)
        else:
            self._shown[path] = set(lines)
        self.chosen.append(candidate)
        if self._reader is not None:
            self._offer(candidate, self._reader)
        return True

    def show_more(self, min_density: float) -> None:
        """Show more of what is chosen, as far as that is worth more than this for its size."""
        while self._waiting and min_density < -self._waiting[0][0] and self._n_misses <= MAX_MISSES:
            _, number, tier = heappop(self._waiting)
            improved = self._improved(self.chosen[number], tier)
            if improved is not None:
                self.chosen[number] = improved

    def _offer(self, candidate: Candidate, reader: Reader) -> None:
        """Note what more there may be of a symbol, weighed by its size as far as that is known."""
        outline, symbol = candidate.outline, candidate.outline.symbols[candidate.symbol]
        sizes: list[tuple[Tier, float, float]] = []
        if has_doc(outline, candidate.symbol):
            sizes.append((Tier.DOC, reader.worth.doc, len(symbol.doc) / CHARACTERS_PER_TOKEN))
        if has_body(outline, candidate.symbol):
            n_lines = symbol.last_line - symbol.first_line
            sizes.append((Tier.BODY, reader.worth.body, n_lines * TOKENS_A_LINE))
        if has_body(outline, candidate.symbol) or symbol.bases:
            sizes.append((Tier.USAGE, reader.worth.usage, USAGE_TOKENS))
        for tier, worth, n_tokens in sizes:
            density = worth * candidate.score / (n_tokens + MIN_SIZE_TOKENS) ** SIZE_EXPONENT
            heappush(self._waiting, (-density, len(self.chosen) - 1, tier))

    def _improved(self, candidate: Candidate, tier: Tier) -> Candidate | None:
        """The candidate with more of it shown, paid for; None where there is no more, or no room."""
        if tier is Tier.USAGE:
            return self._with_usage(candidate)
        if candidate.detail.tier is Tier.BODY or self._is_in_a_body(candidate):
            return None
        detail = replace(candidate.detail, tier=tier)
        if tier is Tier.BODY:
            body = self._body(candidate)
            if not body:
                return None
            detail = replace(detail, body=body)
        improved = replace(candidate, detail=detail)
        if not self._is_paid(self._counted(improved) - self._counted(candidate) - self._inside(improved)):
            return None
        if tier is Tier.BODY:
            self._bodies.setdefault(candidate.path, []).append(improved)
        return improved

    def _body(self, candidate: Candidate) -> str:
        """The lines of a symbol, none of which are shown already."""
        assert self._reader is not None
        text = self._reader.text_of(candidate.path, candidate.outline)
        body = "" if text is None else body_of(candidate.outline, candidate.symbol, text)
        is_shown = any(usage.text in body for usage in self._usages.get(candidate.path, ()))
        return "" if is_shown else body

    def _with_usage(self, candidate: Candidate) -> Candidate | None:
        usage = self._usage(candidate)
        if usage is None:
            return None
        of_path = self._usages.get(usage.path)
        title = MARKER_TOKENS + self._counts.of(f"{usage.path}\n") if of_path is None else 0
        if not self._is_paid(title + self._counts.of("\n" + without_indent(usage.text))):
            return None
        self._usages.setdefault(usage.path, []).append(usage)
        return replace(candidate, detail=replace(candidate.detail, usage=usage))

    def _usage(self, candidate: Candidate) -> Usage | None:
        """The first call of a symbol in another text, unless those lines are shown already."""
        reader, symbol = self._reader, candidate.outline.symbols[candidate.symbol]
        assert reader is not None
        for path, outline in reader.users_of(candidate.path, candidate.outline, candidate.symbol):
            text = reader.text_of(path, outline)
            found = usage_in(text, symbol.name, is_member=not symbol.is_top_level) if text is not None else None
            if found is not None and not self._is_shown(path, found[1]):
                return Usage(path, found[0], found[1], outline)
        return None

    def _is_shown(self, path: str, lines: str) -> bool:
        is_used = any(lines in other.text or other.text in lines for other in self._usages.get(path, ()))
        return is_used or any(lines in body.detail.body for body in self._bodies.get(path, ()))

    def _is_paid(self, cost: int) -> bool:
        if self._n_left < cost:
            self._n_misses += 1
            return False
        self._n_left -= cost
        return True

    def _is_in_a_body(self, candidate: Candidate) -> bool:
        bodies = self._bodies.get(candidate.path, ())
        return any(is_inside(candidate.outline, candidate.symbol, each.symbol) for each in bodies)

    def _inside(self, body: Candidate) -> int:
        """The tokens of shown symbols that stand in a body, and are not shown beside it."""
        if body.detail.tier is not Tier.BODY:
            return 0
        shown = self._shown[body.path]
        inside = [index for index in shown if is_inside(body.outline, index, body.symbol)]
        known = _known_counts(body.outline, self._counts)
        return sum(known[index] for index in inside)

    def _counted(self, candidate: Candidate) -> int:
        """What the lines of a symbol cost."""
        if candidate.detail.tier is Tier.SIGNATURE:
            return _known_counts(candidate.outline, self._counts)[candidate.symbol]
        return self._counts.of("\n" + render_symbol(candidate.outline, candidate.symbol, candidate.detail))


_NOTHING: set[int] = set()


def _count(line: int, outline: Outline, known: list[int], counts: TokenCounts) -> int:
    """What a symbol's lines cost, to be known from now on."""
    n_tokens = known[line] = counts.of("\n" + render_symbol(outline, line))
    return n_tokens


def _known_counts(outline: Outline, counts: TokenCounts) -> list[int]:
    known = outline.line_counts.get(counts.counted_by)
    if known is None:
        known = outline.line_counts[counts.counted_by] = [0] * len(outline.symbols)
    return known


def pieces_of(chosen: Sequence[Candidate]) -> tuple[Piece, ...]:
    """The chosen symbols as text, one piece a file and one with calls in it, sorted by path."""
    by_path: dict[str, list[Candidate]] = {}
    for each in chosen:
        group = by_path.get(each.path)
        if group is None:
            by_path[each.path] = [each]
        else:
            group.append(each)
    usages: dict[str, list[Usage]] = {}
    for each in chosen:
        if each.detail is not PLAIN and each.detail.usage is not None:
            usages.setdefault(each.detail.usage.path, []).append(each.detail.usage)
    pieces = [*map(_piece, by_path, by_path.values()), *map(_usage_piece, usages, usages.values())]
    return tuple(sorted(pieces, key=lambda piece: piece.path))  # stable: a file's calls follow its symbols


def _piece(path: str, group: Sequence[Candidate]) -> Piece:
    outline, symbols = group[0].outline, [each.symbol for each in group]
    details = {each.symbol: each.detail for each in group if each.detail is not PLAIN}
    if not details:
        return Piece(path, render_skeleton(outline, symbols), _SIGNATURE)
    text = render_skeleton(outline, symbols, details)
    tiers = {Tier.SIGNATURE, *(detail.tier for detail in details.values())}
    return Piece(path, text, ", ".join(tier for tier in Tier if tier in tiers))


def _usage_piece(path: str, usages: Sequence[Usage]) -> Piece:
    ordered = sorted(usages, key=lambda usage: usage.first_line)
    return Piece(path, "\n".join(without_indent(usage.text) for usage in ordered), Tier.USAGE)


def piece_tokens(piece: Piece, counts: TokenCounts) -> int:
    """What a whole piece costs in the prompt."""
    return MARKER_TOKENS + counts.of(f"{piece.path}\n{piece.text}\n")


def _fitting(chosen: list[Candidate], budget_tokens: int, counts: TokenCounts) -> list[Candidate]:
    """The chosen without the last ones, should the whole be longer than the sum of its parts."""
    while chosen and budget_tokens < sum(piece_tokens(piece, counts) for piece in pieces_of(chosen)):
        del chosen[-max(1, len(chosen) // 32) :]
    return chosen
