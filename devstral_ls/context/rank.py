"""How likely each symbol of an index is to be named by the next lines: a weighted sum of features.

All features of all symbols are computed at once, on arrays. Each is between 0 and about 1; what it
means stands beside its weight. `benchmarks/context/tune.py` fits the weights on pinned repositories.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from devstral_ls.context.columns import NO_ROW, Columns, Floats, Ints, Postings
from devstral_ls.context.names import name_keys
from devstral_ls.context.outline import Kind
from devstral_ls.context.query import Query

N_SIMILAR_FILES = 24
MAX_COMMON_NAME_SHARE = 0.2  # names that more files than this share use say nothing about a file
N_SPREAD_SYMBOLS = 48
MAX_BASE_DEPTH = 4
_BASE_DECAY = 0.7
_RETURNED = 0.7  # a type in the signature of what returns it is a step further away
_NOT_NEAR = 0.45
_LIBRARY = 0.3  # of a library that is imported as a whole little is meant, and models know the well-known ones
SAME_FOLDER = 1.0
OWN_FILE = 0.0
_UNKNOWN_PART = -2

# By feature: its weight, and what it means.
_TABLE: Mapping[str, tuple[float, str]] = MappingProxyType(
    {
        "imported": (12.0, "imported by name; less when it is not named near the cursor"),
        "imported_member": (1.2, "member of an imported class"),
        "inherited": (5.0, "member of a class that the class around the cursor is made from"),
        "module": (2.5, "top level of an imported module"),
        "module_named": (3.0, "top level of an imported module, and the text names it already"),
        "near": (2.4, "its name stands near the cursor"),
        "attribute": (2.5, "a member whose name the text uses after a dot"),
        "shared": (1.0, "its name occurs in the text and few files use it"),
        "receiver": (3.0, "member of a class by which a name before a dot near the cursor is declared"),
        "hint": (1.5, "member of a class that a near name suggests"),
        "hinted": (1.0, "a class that a near name suggests"),
        "words": (5.0, "its name shares words with the names near the cursor (BM25)"),
        "similar": (2.0, "files with the same rare names use its name"),
        "similar_import": (4.0, "files with the same rare names import it"),
        "graph": (0.8, "near in the graph of imports: personalised PageRank of its file"),
        "file": (1.2, "its file is imported"),
        "path": (0.3, "its file is in the same folder or one close by"),
        "popular": (0.5, "many files use its name"),
        "popular_import": (1.5, "many files import it"),
        "popular_member": (4.0, "a member of a class at hand whose name many files use"),
        "sibling": (1.0, "files in the same folder import it"),
        "signature": (1.6, "a type in the signatures of the best symbols, or a member of one"),
        "test": (-2.0, "its file is a test and the cursor's is not"),
        "private": (-1.0, "marked as private by its author"),
    }
)
WEIGHTS = MappingProxyType({name: weight for name, (weight, _) in _TABLE.items()})
MEANINGS = MappingProxyType({name: meaning for name, (_, meaning) in _TABLE.items()})
FEATURES = tuple(WEIGHTS)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The features of all symbols of an index for one query, and the score that they add up to."""

    features: Floats  # [n_features, n_symbols]
    scores: Floats  # [n_symbols]

    def reasons(self, symbol: int, weights: Mapping[str, float] = WEIGHTS) -> list[tuple[str, float]]:
        """What each feature adds to the score of a symbol, the largest share first."""
        shares = [(name, float(self.features[row, symbol]) * weights[name]) for row, name in enumerate(FEATURES)]
        return sorted((each for each in shares if each[1]), key=lambda each: -abs(each[1]))

    def of(self, symbol: int) -> "Ranking":
        """The ranking of one symbol, to be kept: all of them are ten megabytes where there are 100,000."""
        return Ranking(self.features[:, [symbol]], self.scores[[symbol]])


def rank(query: Query, columns: Columns, weights: Mapping[str, float] = WEIGHTS) -> Ranking:
    """Score every symbol of the index for the query; symbols of the query's own file score nothing."""
    features = _features(query, columns)
    table = np.fromiter((weights[name] for name in FEATURES), dtype=np.float32)
    scores = table @ features
    own_file = columns.file_rows.get(query.path)
    own = slice(0) if own_file is None else _as_slice(columns.symbols_of(own_file))
    scores[own] = 0
    spread = FEATURES.index("signature")
    features[spread] = _signature_types(columns, scores)
    scores += table[spread] * features[spread]
    scores[own] = 0
    return Ranking(features, scores)


def _as_slice(rows: range) -> slice:
    return slice(rows.start, rows.stop)


def _features(query: Query, columns: Columns) -> Floats:
    """[n_features, n_symbols]; filled row by row, so that what each is made of need not lie beside all others."""
    features = np.empty((len(FEATURES), columns.n_symbols), np.float32)
    for name, values in _each_feature(query, columns):
        features[FEATURES.index(name)] = values
    return features


def _each_feature(query: Query, columns: Columns) -> Iterator[tuple[str, NDArray[np.generic]]]:
    own_file = columns.file_rows.get(query.path, NO_ROW)
    definers = np.sqrt(np.maximum(columns.name_n_symbols, 1)).astype(np.float32)
    name, parent, file = columns.symbol_name, columns.symbol_parent, columns.symbol_file
    is_member, is_top = parent != NO_ROW, parent == NO_ROW
    parent_name = np.where(is_member, name[parent], 0)
    kept_files = columns.name_n_files - _own_uses(columns, own_file)
    n_files = max(columns.n_files, 2)
    rarity = (1 - np.log1p(np.maximum(kept_files, 0)) / np.log1p(n_files)).astype(np.float32)

    nearness = _path_nearness(columns, query.path)
    if own_file != NO_ROW:
        nearness[own_file] = OWN_FILE
    near = _by_name(columns, query.near)
    hints = _by_name(columns, query.hints)
    named = _by_name(columns, dict.fromkeys(query.names, 1.0))
    attributes = _by_name(columns, dict.fromkeys(query.attributes, 1.0))
    imported, imported_files, modules = _imported(query, columns)
    similar_files = _similar_files(columns, np.where(kept_files < _common(columns), named * rarity, 0), nearness)
    is_in_module = modules[file] * is_top
    inherited = _inherited(query, columns, imported)
    imported_member = np.where(is_member, imported[parent], 0)
    hint = np.where(is_member, (hints / definers)[parent_name], 0)
    popularity = np.log1p(np.maximum(kept_files, 0)) / np.log1p(n_files)
    siblings = (nearness == SAME_FOLDER).astype(np.float32)
    similar_names = _sum_over(columns.name_of_file, similar_files, columns.n_names)

    yield "imported", imported
    yield "imported_member", imported_member
    yield "inherited", inherited
    yield "module", is_in_module
    yield "module_named", is_in_module * named[name]
    yield "near", (near / definers)[name]
    yield "attribute", (attributes / definers)[name] * is_member
    yield "shared", (named * rarity / definers)[name]
    yield "receiver", _receiver_members(query, columns, own_file)
    yield "hint", hint
    yield "hinted", (hints / definers)[name] * (columns.symbol_kind == _CLASS)
    yield "words", _bm25(query, columns)
    yield "similar", _squashed(similar_names / definers)[name]
    yield "similar_import", _squashed(_sum_over(columns.imported_of_file, similar_files, columns.n_symbols))
    yield "graph", _page_rank(columns, imported_files, own_file)[file]
    yield "file", imported_files[file]
    yield "path", nearness[file]
    yield "popular", (popularity / definers)[name]
    yield "popular_import", _popular_imports(columns, own_file)
    yield "popular_member", np.maximum(np.maximum(imported_member, hint), inherited) * popularity[name]
    yield "sibling", _squashed(_sum_over(columns.imported_of_file, siblings, columns.n_symbols))
    yield "signature", np.zeros(columns.n_symbols)
    yield "test", columns.file_is_test[file] * (own_file == NO_ROW or not columns.file_is_test[own_file])
    yield "private", columns.symbol_is_private


_CLASS = tuple(Kind).index(Kind.CLASS)


def _by_name(columns: Columns, weights: Mapping[str, float]) -> Floats:
    """Weights of names as an array over all names of the index."""
    values = np.zeros(columns.n_names, np.float32)
    if weights:
        rows = columns.name_rows(name_keys(weights))
        known = rows != NO_ROW
        values[rows[known]] = np.fromiter(weights.values(), dtype=np.float32)[known]
    return values


def _own_uses(columns: Columns, own_file: int) -> Ints:
    """What the query's own file adds to the counts of files by name: it must not vote for itself."""
    uses = np.zeros(columns.n_names, np.int32)
    if own_file != NO_ROW:
        uses[columns.name_of_file.row(own_file)] = 1
    return uses


def _imported(query: Query, columns: Columns) -> tuple[Floats, Floats, Floats]:
    """Imported symbols, imported files, and files imported as a whole, each weighted by the nearness of the name."""
    symbols = np.zeros(columns.n_symbols, np.float32)
    files, modules = np.zeros(columns.n_files, np.float32), np.zeros(columns.n_files, np.float32)
    for target in query.targets:
        file = columns.file_rows.get(target.source.path)
        if file is None:
            continue
        is_near = target.written is None or target.written.bound_name in query.near
        weight = 1.0 if is_near else _NOT_NEAR
        if target.symbol is None and target.source.path in query.libraries:
            weight *= _LIBRARY
        files[file] = max(files[file], weight)
        if target.symbol is None:
            modules[file] = max(modules[file], weight)
        else:
            own = columns.symbols_of(file)
            if target.symbol < len(own):  # the index may know an older text of the file
                symbols[own[target.symbol]] = max(symbols[own[target.symbol]], weight)
    return symbols, files, modules


def _inherited(query: Query, columns: Columns, imported: Floats) -> Floats:
    """Members of the classes that the class around the cursor is made from, less with each level."""
    classes = np.zeros(columns.n_symbols, np.float32)
    base_names = columns.name_rows(name_keys(query.bases))
    is_base = np.isin(columns.symbol_name, base_names[base_names != NO_ROW]) & (columns.symbol_kind == _CLASS)
    is_imported_base = is_base & (0 < imported)
    level = np.flatnonzero(is_imported_base if is_imported_base.any() else is_base).astype(np.int32)
    weight = 1.0
    for _ in range(MAX_BASE_DEPTH):
        classes[level] = np.maximum(classes[level], weight)
        level = np.unique(columns.base_of_symbol.rows(level)[0])
        weight *= _BASE_DECAY
    parent = columns.symbol_parent
    return np.where(parent == NO_ROW, 0.5 * classes, classes[parent])


def _receiver_members(query: Query, columns: Columns, own_file: int) -> Floats:
    """Members of the classes that the names before the near dots are declared with, also by way of what returns them.

    `logger.` leads by `logger = getLogger()` to `def getLogger() -> Logger` and so to the members of `Logger`.
    """
    own_types = _by_name(columns, query.receiver_types)
    definers = np.maximum(columns.name_n_symbols, 1).astype(np.float32)
    elsewhere = (_by_name(columns, query.receivers) / np.sqrt(definers)).astype(np.float32)
    declared = np.maximum(own_types, _names_declared_with(columns, elsewhere, own_file))
    returned = _names_declared_with(columns, own_types / definers, own_file, but=_CLASS)
    types = np.maximum(declared, _RETURNED * returned) / definers
    classes = np.where(columns.symbol_kind == _CLASS, types[columns.symbol_name], 0)
    members: Floats = np.where(columns.symbol_parent == NO_ROW, 0, classes[columns.symbol_parent]).astype(np.float32)
    return members


def _names_declared_with(columns: Columns, names: Floats, own_file: int, but: int = NO_ROW) -> Floats:
    """The names in the signatures of what has one of these names elsewhere, each with the largest of the weights."""
    symbols = np.where(columns.symbol_kind == but, 0, names[columns.symbol_name])
    if own_file != NO_ROW:
        symbols[_as_slice(columns.symbols_of(own_file))] = 0
    rows = np.flatnonzero(symbols).astype(np.int32)
    found, owners = columns.name_of_signature.rows(rows)
    weights = np.zeros(columns.n_names, np.float32)
    np.maximum.at(weights, found, symbols[rows][owners])
    return weights


def _common(columns: Columns) -> int:
    """From so many files on a name says nothing about a file that uses it."""
    return max(2, int(columns.n_files * MAX_COMMON_NAME_SHARE))


def _similar_files(columns: Columns, telling_names: Floats, nearness: Floats) -> Floats:
    """The files that share most rare names with the text, weighted by how much they share and how near they are."""
    rows = np.flatnonzero(telling_names).astype(np.int32)
    files, owners = columns.file_of_name.rows(rows)
    shared = np.bincount(files, weights=telling_names[rows][owners], minlength=columns.n_files).astype(np.float32)
    shared *= (1 + nearness) / np.sqrt(columns.name_of_file.lengths + 50)
    shared[nearness == OWN_FILE] = 0
    return _largest(shared, N_SIMILAR_FILES)


def _popular_imports(columns: Columns, own_file: int) -> Floats:
    """How many other files import each symbol, as a logarithm scaled to 1."""
    n_imports = np.bincount(columns.imported_of_file.values, minlength=columns.n_symbols)
    if own_file != NO_ROW:
        n_imports[columns.imported_of_file.row(own_file)] -= 1
    popularity: Floats = (np.log1p(n_imports) / np.log1p(max(columns.n_files, 2))).astype(np.float32)
    return popularity


def _largest(values: Floats, n: int) -> Floats:
    """The n largest values scaled to a sum of 1, all others 0."""
    kept = np.zeros_like(values)
    if len(values):
        top = np.argpartition(values, -min(n, len(values)))[-min(n, len(values)) :]
        total = values[top].sum()
        kept[top] = values[top] / total if 0 < total else 0
    return kept


def _sum_over(postings: Postings, row_weights: Floats, n_values: int) -> Floats:
    """For each number the sum of the weights of the rows whose lists hold it."""
    rows = np.flatnonzero(row_weights).astype(np.int32)
    values, owners = postings.rows(rows)
    return np.bincount(values, weights=row_weights[rows][owners], minlength=n_values).astype(np.float32)


def _squashed(values: Floats) -> Floats:
    """Scaled so that the largest is 1, with the small ones lifted."""
    largest = values.max(initial=0)
    return np.sqrt(values / largest) if 0 < largest else values


def _bm25(query: Query, columns: Columns) -> Floats:
    """How well the words of a symbol's name match the words near the cursor; rare words count more."""
    rows = columns.word_rows(name_keys(query.words))
    weights = np.fromiter(query.words.values(), dtype=np.float32)[rows != NO_ROW]
    rows = rows[rows != NO_ROW]
    symbols, owners = columns.symbol_of_word.rows(rows)
    n_with = columns.symbol_of_word.lengths[rows]
    idf = np.log1p((columns.n_symbols - n_with + 0.5) / (n_with + 0.5))
    matched = np.bincount(symbols, weights=(weights * idf)[owners], minlength=columns.n_symbols)
    largest = matched.max(initial=0)
    return (matched / largest if 0 < largest else matched).astype(np.float32)


def _page_rank(columns: Columns, imported_files: Floats, own_file: int) -> Floats:
    """Personalised PageRank over imports, walked from what the text imports; compressed like a logarithm."""
    seed = imported_files / max(float(imported_files.sum()), 1e-9)
    lengths = np.maximum(columns.import_of_file.lengths, 1)
    sources = np.repeat(np.arange(columns.n_files), columns.import_of_file.lengths)
    targets = columns.import_of_file.values
    flow = (1 / lengths)[sources] * (sources != own_file)
    rank_now = seed.astype(np.float64)
    for _ in range(4):
        rank_now = 0.3 * seed + 0.7 * np.bincount(targets, weights=rank_now[sources] * flow, minlength=columns.n_files)
    largest = rank_now.max(initial=0)
    return ((rank_now / largest) ** 0.3 if 0 < largest else rank_now).astype(np.float32)


def _path_nearness(columns: Columns, path: str) -> Floats:
    """1 for the same folder, less with each folder between."""
    own = path.split("/")[:-1]
    numbers, parts = columns.folder_parts
    mine = np.array([numbers.get(part, _UNKNOWN_PART) for part in own[: parts.shape[1]]], np.int32)
    n_common = np.cumprod(parts[:, : len(mine)] == mine, axis=1).sum(axis=1)
    n_between = len(own) + np.count_nonzero(parts != NO_ROW, axis=1) - 2 * n_common
    nearness: Floats = (1 / (1 + n_between)).astype(np.float32)[columns.file_folder]
    return nearness


def _signature_types(columns: Columns, scores: Floats) -> Floats:
    """Types that the signatures of the best symbols name, and their members: what those symbols take and return."""
    n = min(N_SPREAD_SYMBOLS, columns.n_symbols)
    if not n:
        return np.zeros(0, np.float32)
    best = np.argpartition(scores, -n)[-n:].astype(np.int32)
    names, owners = columns.name_of_signature.rows(best)
    largest = max(float(scores[best].max()), 1e-9)
    weights = np.zeros(columns.n_names, np.float32)
    np.maximum.at(weights, names, np.maximum(scores[best][owners] / largest, 0))
    weights /= np.maximum(columns.name_n_symbols, 1)
    is_class = columns.symbol_kind == _CLASS
    own = np.where(is_class, weights[columns.symbol_name], 0)
    return np.where(columns.symbol_parent == NO_ROW, own, 0.5 * own[columns.symbol_parent]).astype(np.float32)
