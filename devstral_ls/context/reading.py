"""More of a symbol than its signature, from the texts of a workspace, and whether what was shown still stands there."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from heapq import nsmallest
from itertools import takewhile

from devstral_ls.context.columns import NO_ROW, Columns, Ints
from devstral_ls.context.names import name_keys
from devstral_ls.context.outline import Outline
from devstral_ls.context.pack import Candidate
from devstral_ls.context.pieces import Budget, Purpose
from devstral_ls.context.records import SourceText
from devstral_ls.context.tiers import LEFT_OVER, READING, Reader, Tier, Usage, Worth, is_still_there
from devstral_ls.context.workspace import Sources
from devstral_ls.text import Place

# Below it a reader gets signatures alone, as the small models are trained.
MIN_READING_TOKENS = 2_048
# Below it what a typist's budget leaves empty stays empty: nothing is as quick to read as nothing.
MIN_LEFT_OVER_TOKENS = 8_192
N_USERS = 6  # texts that are searched for a call of one symbol


def reader_for(budget: Budget, place: Place, sources: Sources) -> Reader | None:
    """Who reads on where signatures are not all that there is room for."""
    worth = _worth(budget)
    if worth is None:
        return None
    indexes, own = sources.workspace.columns, place.document.path
    text_of = cache(sources.text)

    def users_of(path: str, outline: Outline, symbol: int) -> Iterator[tuple[str, Outline]]:
        for columns in indexes:
            for other in users(columns, path, outline, symbol):
                found = sources.source(other)
                if found is not None and found.path not in (path, own):
                    yield found.path, found.outline

    return Reader(worth, text_of, users_of)


def _worth(budget: Budget) -> Worth | None:
    if budget.purpose is Purpose.READING:
        return READING if MIN_READING_TOKENS <= budget.stable_tokens else None
    return LEFT_OVER if MIN_LEFT_OVER_TOKENS <= budget.stable_tokens else None


def users(columns: Columns, path: str, outline: Outline, symbol: int) -> list[str]:
    """Some files that surely mean this symbol when they name it: programs before tests, the nearest first."""

    def order(file: int) -> tuple[bool, int, str]:
        return bool(columns.file_is_test[file]), -_n_shared_folders(path, columns.paths[file]), columns.paths[file]

    files = nsmallest(N_USERS, _naming(columns, path, outline, symbol).tolist(), key=order)
    return [columns.paths[file] for file in files]


def _naming(columns: Columns, path: str, outline: Outline, symbol: int) -> Ints:
    """The files that import a symbol; where nothing else has its name, all that use the name."""
    own = columns.file_rows.get(path)
    (name,) = columns.name_rows(name_keys([outline.symbols[symbol].name]))
    if name == NO_ROW or own is None or columns.outline(own) != outline:
        return columns.file_of_name.values[:0]
    if columns.name_n_symbols[name] == 1:
        return columns.file_of_name.row(name)
    return columns.importer_of_symbol.row(columns.symbols_of(own).start + symbol)


def _n_shared_folders(a: str, b: str) -> int:
    pairs = zip(a.split("/")[:-1], b.split("/")[:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def is_outdated(chosen: Sequence[Candidate], sources: Sources) -> bool:
    """Whether anything that is shown is not there any more, or not as it is shown."""
    usages = [each.detail.usage for each in chosen if each.detail.usage is not None]
    now = {path: sources.source(path) for path in _paths(chosen, usages)}
    return any(_has_changed(each, now[each.path], sources) for each in chosen) or any(
        _has_gone(usage, now[usage.path], sources) for usage in usages
    )


def _paths(chosen: Iterable[Candidate], usages: Iterable[Usage]) -> set[str]:
    return {each.path for each in chosen} | {usage.path for usage in usages}


def _has_changed(candidate: Candidate, now: SourceText | None, sources: Sources) -> bool:
    if now is None:
        return True
    if now.outline is candidate.outline:
        return False
    index = now.outline.by_heading.get(candidate.heading)
    if index is None:
        return True
    if candidate.detail.tier is Tier.DOC:
        return now.outline.symbols[index].doc != candidate.outline.symbols[candidate.symbol].doc
    text = sources.text(now.path, now.outline) if candidate.detail.tier is Tier.BODY else None
    return not is_still_there(candidate.detail, candidate.heading, now.outline, text)


def _has_gone(usage: Usage, now: SourceText | None, sources: Sources) -> bool:
    if now is None:
        return True
    if now.outline is usage.outline:
        return False
    text = sources.text(now.path, now.outline)
    return text is None or usage.text not in text
