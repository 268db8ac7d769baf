"""What the model should see at a cursor: windows of the text itself and signatures of what it will name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice

import numpy as np

from devstral_ls.context.columns import Columns
from devstral_ls.context.facts import Fact
from devstral_ls.context.imports import Target, resolve_imports
from devstral_ls.context.layout import Layout, Surroundings, next_layout
from devstral_ls.context.open_texts import read_document
from devstral_ls.context.pack import MIN_SCORE, Candidate, candidates
from devstral_ls.context.pieces import Budget, Context, Piece
from devstral_ls.context.query import Query, query_at
from devstral_ls.context.rank import rank
from devstral_ls.context.reading import is_outdated, reader_for
from devstral_ls.context.records import Record, SourceText
from devstral_ls.context.secrets import is_secret_path
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.context.windows import prefix_window, suffix_window
from devstral_ls.context.workspace import Sources
from devstral_ls.text import Place
from devstral_ls.trace import span

# Fewer than any signature takes, so that the budget is full before the symbols run out.
TOKENS_A_SYMBOL = 4
MIN_WANTED = 200
MAX_WANTED = 40_000
# So many of the best are compared with the disk before they are shown.
MAX_CHECKED = 1_000
# All but what begins a new thing to name: after it other symbols are wanted.
_NO_OPENERS = re.compile(r"[^.(\[@]+")


def gather(place: Place, *, budget: Budget, sources: Sources) -> Context:
    """The context of `place`, each part within its budget; nothing at all for a file that may hold secrets."""
    if is_secret_path(place.document.path):
        return Context(stable=(), suffix="", volatile="", prefix="")
    place = sources.workspace.roots.named_place(place)
    counts = sources.workspace.counts.use(budget.count_tokens)
    with span("context.gather"):
        return Context(
            stable=_stable(place, budget, sources, counts),
            suffix=suffix_window(place, budget.suffix_tokens, counts),
            volatile="",
            prefix=prefix_window(place, budget.prefix_tokens, counts),
        )


def wanted_at(place: Place, sources: Sources, budget_tokens: int) -> list[Candidate]:
    """The symbols of other texts that the next lines may name, the most value for their size first.

    Not many more than could fit in the budget: each one's file has to be looked up.
    """
    n_wanted = min(MAX_WANTED, max(MIN_WANTED, budget_tokens // TOKENS_A_SYMBOL))
    query = _query(place, sources)
    indexes = sources.workspace.columns
    overlay = _overlay(query, sources, indexes)
    hidden = {*overlay, query.path}
    while True:
        found = list(islice(_ranked(query, (*indexes, sources.workspace.columns_of(overlay)), hidden), n_wanted))
        outdated = {each.path for each in found[:MAX_CHECKED]} - hidden
        outdated = {path for path in outdated if not _is_current(path, sources, indexes)}
        if not outdated:
            return found
        overlay |= {path: fresh.record for path in outdated if (fresh := sources.source(path))}
        hidden |= outdated


@dataclass(frozen=True, slots=True)
class Survey:
    """How many symbols the workspace has for a place."""

    n_symbols: int
    n_in_document: int  # they stand in the windows, as far as there is room
    n_below: int  # that score less than is ever shown


def survey_at(place: Place, sources: Sources) -> Survey:
    """Every symbol that could be shown, counted by what speaks against it."""
    query = _query(place, sources)
    n_symbols = n_in_document = n_below = 0
    for columns in sources.workspace.columns:
        own = columns.file_rows.get(query.path)
        n_own = 0 if own is None else len(columns.symbols_of(own))
        n_symbols += columns.n_symbols
        n_in_document += n_own
        n_below += int(np.count_nonzero(rank(query, columns).scores < MIN_SCORE)) - n_own
    return Survey(n_symbols, n_in_document, n_below)


def _query(place: Place, sources: Sources) -> Query:
    source = read_document(place.document)
    targets = [*resolve_imports(source, sources.finder(source.path)), *_receivers(place, sources)]
    elsewhere = [target for target in targets if target.source.path != source.path]
    paths = {target.source.path for target in elsewhere}
    libraries = frozenset(path for path in paths if not sources.workspace.is_own(path))
    return query_at(place, source.outline, source.record.names, elsewhere, libraries)


def _stable(place: Place, budget: Budget, sources: Sources, counts: TokenCounts) -> tuple[Piece, ...]:
    budget_tokens = budget.stable_tokens
    if budget_tokens <= 0:
        return ()
    workspace, key = sources.workspace, (place.document.path, budget.purpose)
    old = workspace.layouts.get(key, Layout())
    around = _around(place, workspace.semantics.known(place), workspace.generation)
    is_true, is_costly = not is_outdated(old.chosen, sources), budget.is_costly_to_change
    if is_true and old.serves(around, budget_tokens, is_costly=is_costly):
        return old.pieces
    wanted = wanted_at(place, sources, budget_tokens)
    reader = reader_for(budget, place, sources)
    shown = old if is_true else Layout()
    fresh = next_layout(shown, wanted, budget_tokens, counts, reader, is_costly=is_costly)
    workspace.remember_layout(key, replace(fresh, around=around, budget_tokens=budget_tokens))
    return fresh.pieces


def _around(place: Place, facts: tuple[Fact, ...], generation: int) -> Surroundings:
    line_before = place.line_before
    is_import = line_before.lstrip().startswith(("import ", "from "))
    lines_before = place.before[: place.offset - len(line_before)]
    lines_behind = place.after[len(place.line_after) :]
    return Surroundings(
        line=(hash(lines_before), line_before if is_import else "", hash(lines_behind)),
        rest=(_NO_OPENERS.sub("", line_before), hash((place.after, facts, generation))),
    )


def _overlay(query: Query, sources: Sources, indexes: tuple[Columns, ...]) -> dict[str, Record]:
    """What the indexes do not know, or know in an older form: open documents and imports that lead elsewhere."""
    opened = map(sources.workspace.roots.named, sources.documents)
    overlay = {document.path: read_document(document).record for document in opened}
    for target in query.targets:
        path = target.source.path
        if path not in overlay and not _is_current(path, sources, indexes):
            overlay[path] = target.source.record
    overlay.pop(query.path, None)
    return overlay


def _is_current(path: str, sources: Sources, indexes: tuple[Columns, ...]) -> bool:
    return any(sources.workspace.is_as_indexed(path, columns) for columns in indexes)


def _ranked(query: Query, indexes: tuple[Columns, ...], hidden: set[str]) -> Iterator[Candidate]:
    """The symbols of all indexes, best first; the last index is the overlay, which hides the others' files."""
    *older, overlay = indexes
    listed = [candidates(columns, rank(query, columns), hidden) for columns in older]
    listed.append(candidates(overlay, rank(query, overlay), (query.path,)))
    return merge(*listed, key=lambda each: -each.density)


def _receivers(place: Place, sources: Sources) -> Iterator[Target]:
    """The known types of what stands before the dot at the cursor."""
    for fact in sources.workspace.semantics.known(place):
        source: SourceText | None = sources.source(fact.path)
        symbol = source.outline.find(fact.name) if source else None
        if source is not None and symbol is not None:
            yield Target(source, symbol, None)
