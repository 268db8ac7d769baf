"""The index as arrays: what the ranker reads, saved as plain files that are mapped into memory.

Rows are files, symbols and names; a name is a row number here and a 64-bit key outside, so that
no dictionary of names has to be built when the arrays are opened. "Postings" are lists of rows
for each row of another kind, kept as one flat array and the bounds of each list in it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache, partial
from itertools import accumulate, chain
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from devstral_ls.context.imports import resolve_imports
from devstral_ls.context.names import IDENTIFIER, name_keys, words_of
from devstral_ls.context.outline import Kind, Outline
from devstral_ls.context.records import Record, SourceText, outline_from_json

FORMAT_VERSION = 2  # also grows when the same texts give other arrays
CURRENT = "current"  # a file that names the generation to read
NO_ROW = -1
_EMPTY_ARRAY_BYTES = 128  # an array without elements is all header, and cannot be mapped
MAX_SIGNATURE_NAMES = 32
MAX_REMEMBERED_OUTLINES = 4_096

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Stamps = Mapping[str, tuple[int, int]]  # by path: modified_ns and n_bytes
_KINDS = tuple(Kind)


@dataclass(frozen=True)  # no slots: the lengths are cached
class Postings:
    """For each row a list of numbers: `values[bounds[row]:bounds[row + 1]]`."""

    bounds: Ints
    values: Ints

    @classmethod
    def of(cls, lists: Iterable[Sequence[int]]) -> "Postings":
        kept = list(lists)
        bounds = np.fromiter(accumulate((len(each) for each in kept), initial=0), dtype=np.int32)
        return cls(bounds, np.fromiter(chain.from_iterable(kept), dtype=np.int32, count=int(bounds[-1])))

    def row(self, index: int) -> Ints:
        return self.values[self.bounds[index] : self.bounds[index + 1]]

    @cached_property
    def lengths(self) -> Ints:
        return np.diff(self.bounds)

    def rows(self, indexes: Ints) -> tuple[Ints, Ints]:
        """The lists of many rows, one after the other, and for each number the position in `indexes` it is of."""
        starts, lengths = self.bounds[indexes], self.lengths[indexes]
        owners = np.repeat(np.arange(len(indexes), dtype=np.int32), lengths)
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        return self.values[np.repeat(starts, lengths) + within], owners

    def inverted(self, n_rows: int) -> "Postings":
        """For each number the rows whose lists hold it."""
        owners = np.repeat(np.arange(len(self.bounds) - 1, dtype=np.int32), self.lengths)
        order = np.argsort(self.values, kind="stable")
        counts = np.bincount(self.values, minlength=n_rows)
        bounds = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        return Postings(bounds, owners[order])


@dataclass(frozen=True)  # no slots: what is derived from the arrays is cached
class Columns:
    """An immutable index of some files."""

    name_key: NDArray[np.uint64]  # [n_names], sorted
    name_n_files: Ints  # [n_names]
    name_n_symbols: Ints  # [n_names]
    symbol_file: Ints  # [n_symbols]
    symbol_name: Ints
    symbol_parent: Ints  # NO_ROW at the top level
    symbol_kind: NDArray[np.int8]
    symbol_size: Ints  # characters of the signature
    symbol_is_private: NDArray[np.bool_]
    file_first_symbol: Ints  # [n_files + 1]
    file_is_test: NDArray[np.bool_]
    file_stamp: NDArray[np.int64]  # [n_files, 2]: when the file was modified, and its size; 0 for unsaved text
    file_of_name: Postings  # by name: the files that use it
    name_of_file: Postings  # by file: the names it uses
    name_of_signature: Postings  # by symbol: the names in its signature, its own left out
    symbol_of_word: Postings  # by word: the symbols whose names hold it
    word_key: NDArray[np.uint64]  # [n_words], sorted
    import_of_file: Postings  # by file: the files it imports
    imported_of_file: Postings  # by file: the symbols it imports
    base_of_symbol: Postings  # by class: the classes it is made from
    heap: NDArray[np.uint8]  # the outlines, one JSON text a file
    heap_bounds: NDArray[np.int64]  # [n_files + 1]
    path_heap: NDArray[np.uint8]

    @property
    def n_files(self) -> int:
        return len(self.file_first_symbol) - 1

    @property
    def n_symbols(self) -> int:
        return len(self.symbol_file)

    @property
    def n_names(self) -> int:
        return len(self.name_key)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        text = self.path_heap.tobytes().decode("utf-8", "surrogatepass")
        return tuple(text.split("\0")) if text else ()

    @cached_property
    def folders(self) -> tuple[tuple[str, ...], ...]:
        """The folders that hold files, as the parts of their paths."""
        return tuple(dict.fromkeys(_folder(path) for path in self.paths))

    @cached_property
    def file_folder(self) -> Ints:
        """By file: the position of its folder in `folders`."""
        rows = {folder: row for row, folder in enumerate(self.folders)}
        return np.fromiter((rows[_folder(path)] for path in self.paths), dtype=np.int32)

    @cached_property
    def folder_parts(self) -> tuple[Mapping[str, int], Ints]:
        """Numbers of the names in the paths of folders, and [n_folders, depth]: each path as such numbers."""
        numbers = {
            part: number for number, part in enumerate({part: None for folder in self.folders for part in folder})
        }
        depth = max(map(len, self.folders), default=0)
        rows = [[numbers[part] for part in each] + [NO_ROW] * (depth - len(each)) for each in self.folders]
        return numbers, np.array(rows, np.int32).reshape(len(self.folders), depth)

    @cached_property
    def file_rows(self) -> Mapping[str, int]:
        return {path: row for row, path in enumerate(self.paths)}

    @cached_property
    def importer_of_symbol(self) -> Postings:
        """By symbol: the files that import it."""
        return self.imported_of_file.inverted(self.n_symbols)

    def name_rows(self, keys: NDArray[np.uint64]) -> Ints:
        """The rows of names by their keys, NO_ROW for the unknown."""
        return _rows_of(self.name_key, keys)

    def word_rows(self, keys: NDArray[np.uint64]) -> Ints:
        return _rows_of(self.word_key, keys)

    @cached_property
    def _outline(self) -> Callable[[int], Outline]:
        """Reads an outline, and remembers it for as long as this index is in use."""
        return lru_cache(maxsize=MAX_REMEMBERED_OUTLINES)(partial(_outline_in, self.heap, self.heap_bounds))

    def outline(self, file: int) -> Outline:
        return self._outline(file)

    def symbols_of(self, file: int) -> range:
        return range(int(self.file_first_symbol[file]), int(self.file_first_symbol[file + 1]))

    def under(self, prefix: str) -> "Columns":
        """The same index of files that are called by a longer name."""
        paths = "\0".join(prefix + path for path in self.paths)
        return replace(self, path_heap=np.frombuffer(paths.encode("utf-8", "surrogatepass"), np.uint8))

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _folder(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[:-1])


def _outline_in(heap: NDArray[np.uint8], bounds: NDArray[np.int64], file: int) -> Outline:
    return outline_from_json(heap[bounds[file] : bounds[file + 1]].tobytes())


def _rows_of(sorted_keys: NDArray[np.uint64], keys: NDArray[np.uint64]) -> Ints:
    if not len(sorted_keys):
        return np.full(len(keys), NO_ROW, np.int32)
    found = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.where(sorted_keys[found] == keys, found, NO_ROW).astype(np.int32)


def build_columns(records: Mapping[str, Record], stamps: Stamps = MappingProxyType({})) -> Columns:
    """The index of these files, by path. The same records give the same bytes."""
    return _Builder(records, stamps).build()


class _Builder:
    """Lays records out as arrays; exists only while one index is built."""

    def __init__(self, records: Mapping[str, Record], stamps: Stamps) -> None:
        self.stamps = stamps
        self.paths = sorted(records)
        self.records = [records[path] for path in self.paths]
        self.file_rows = {path: row for row, path in enumerate(self.paths)}
        self.first = [0, *accumulate(len(record.outline.symbols) for record in self.records)]
        self.sources = {path: SourceText(path, record) for path, record in zip(self.paths, self.records, strict=True)}
        self.name_row, self.name_key = _numbered(self._all_names())
        names = {symbol.name for record in self.records for symbol in record.outline.symbols}
        self.words = {name: tuple(dict.fromkeys(words_of(name))) for name in names}
        self.word_row, self.word_key = _numbered({word for words in self.words.values() for word in words})

    def build(self) -> Columns:
        symbols = [symbol for record in self.records for symbol in record.outline.symbols]
        n_names = len(self.name_key)
        symbol_name = np.fromiter((self.name_row[symbol.name] for symbol in symbols), dtype=np.int32)
        name_of_file = Postings.of([self.name_row[name] for name in record.names] for record in self.records)
        words = Postings.of([self.word_row[word] for word in self.words[symbol.name]] for symbol in symbols)
        imports, imported, bases = self._edges()
        heap = [record.outline_json for record in self.records]
        return Columns(
            name_key=self.name_key,
            name_n_files=np.bincount(name_of_file.values, minlength=n_names).astype(np.int32),
            name_n_symbols=np.bincount(symbol_name, minlength=n_names).astype(np.int32),
            symbol_file=np.repeat(np.arange(len(self.paths), dtype=np.int32), np.diff(self.first)),
            symbol_name=symbol_name,
            symbol_parent=self._parents(),
            symbol_kind=np.fromiter((_KINDS.index(symbol.kind) for symbol in symbols), dtype=np.int8),
            symbol_size=np.fromiter((len(symbol.signature) for symbol in symbols), dtype=np.int32),
            symbol_is_private=np.fromiter((is_private(symbol.name) for symbol in symbols), dtype=np.bool_),
            file_first_symbol=np.array(self.first, np.int32),
            file_is_test=np.fromiter((is_test_path(path) for path in self.paths), dtype=np.bool_),
            file_stamp=np.array([self.stamps.get(path, (0, 0)) for path in self.paths], np.int64).reshape(-1, 2),
            file_of_name=name_of_file.inverted(n_names),
            name_of_file=name_of_file,
            name_of_signature=Postings.of(self._signature_names(symbol.signature, symbol.name) for symbol in symbols),
            symbol_of_word=words.inverted(len(self.word_key)),
            word_key=self.word_key,
            import_of_file=imports,
            imported_of_file=imported,
            base_of_symbol=bases,
            heap=np.frombuffer(b"".join(heap), np.uint8),
            heap_bounds=np.array([0, *accumulate(map(len, heap))], np.int64),
            path_heap=np.frombuffer("\0".join(self.paths).encode("utf-8", "surrogatepass"), np.uint8),
        )

    def _all_names(self) -> set[str]:
        names: set[str] = set()
        for record in self.records:
            names.update(record.names)
            names.update(symbol.name for symbol in record.outline.symbols)
        return names

    def _signature_names(self, signature: str, own_name: str) -> list[int]:
        found = dict.fromkeys(IDENTIFIER.findall(signature))
        rows = [self.name_row[name] for name in found if name != own_name and name in self.name_row]
        return rows[:MAX_SIGNATURE_NAMES]

    def _parents(self) -> Ints:
        parents = (
            first + symbol.parent if 0 <= symbol.parent else NO_ROW
            for first, record in zip(self.first, self.records, strict=False)
            for symbol in record.outline.symbols
        )
        return np.fromiter(parents, dtype=np.int32, count=self.first[-1])

    def _edges(self) -> tuple[Postings, Postings, Postings]:
        """What each file imports, as files and as symbols, and what each class is made from."""
        files: list[list[int]] = []
        imported: list[list[int]] = []
        bases: list[list[int]] = []
        for path, first, record in zip(self.paths, self.first, self.records, strict=False):
            targets = resolve_imports(self.sources[path], self.sources.get)
            files.append(sorted({self.file_rows[target.source.path] for target in targets}))
            by_name = {
                target.written.bound_name: self.first[self.file_rows[target.source.path]] + target.symbol
                for target in targets
                if target.symbol is not None and target.written is not None
            }
            imported.append(sorted(set(by_name.values())))
            known = by_name | {
                record.outline.symbols[index].name: first + index for index in record.outline.members(-1)
            }
            bases += (
                [known[base] for base in symbol.bases if base in known and known[base] != first + index]
                for index, symbol in enumerate(record.outline.symbols)
            )
        return Postings.of(files), Postings.of(imported), Postings.of(bases)


def _numbered(names: Iterable[str]) -> tuple[dict[str, int], NDArray[np.uint64]]:
    """A row for each name, in the order of their keys."""
    listed = list(names)
    keys = name_keys(listed)
    order = np.argsort(keys)
    return {listed[index]: row for row, index in enumerate(order.tolist())}, keys[order]


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def is_test_path(path: str) -> bool:
    """Whether a file holds tests, by the names that test runners look for."""
    pure = PurePosixPath(path)
    is_test_file = (
        pure.stem.startswith("test_") or pure.stem.endswith(("_test", ".test", ".spec")) or pure.stem == "conftest"
    )
    return is_test_file or not {"test", "tests", "testing", "__tests__"}.isdisjoint(pure.parts[:-1])


def save_columns(columns: Columns, folder: Path) -> None:
    """Write the arrays into `folder`, the list of them last: without the list there is no index."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays_of(columns).items():
        np.save(folder / f"{name}.npy", array)
    listing = folder / "columns.json.new"
    listing.write_text(json.dumps({"format_version": FORMAT_VERSION, "arrays": sorted(arrays_of(columns))}))
    listing.replace(folder / "columns.json")


def open_published(folder: Path) -> Columns | None:
    """The arrays that `folder` names as its current ones."""
    try:
        name = (folder / CURRENT).read_text().strip()
    except OSError:
        return None
    return open_columns(folder / name)


def open_columns(folder: Path) -> Columns | None:
    """Map the arrays of `folder` into memory; None when they are missing, damaged or of another version."""
    try:
        listing = json.loads((folder / "columns.json").read_text())
        if listing["format_version"] != FORMAT_VERSION:
            return None
        arrays = {name: _open_array(folder / f"{name}.npy") for name in listing["arrays"]}
        values: dict[str, Any] = {}  # Any: a field is an array or a `Postings`, as its annotation says
        for each in fields(Columns):
            if each.type is Postings:
                values[each.name] = Postings(arrays[f"{each.name}.bounds"], arrays[f"{each.name}.values"])
            else:
                values[each.name] = arrays[each.name]
        return Columns(**values)
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _open_array(file: Path) -> NDArray[Any]:
    mode: Literal["r"] | None = None if file.stat().st_size <= _EMPTY_ARRAY_BYTES else "r"
    return np.asarray(np.load(file, mmap_mode=mode))  # a plain array: each slice of a `memmap` is slow to make


def arrays_of(columns: Columns) -> dict[str, NDArray[np.generic]]:
    """All arrays of an index by the names under which they are saved."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for each in fields(Columns):
        value = getattr(columns, each.name)
        if isinstance(value, Postings):
            arrays |= {f"{each.name}.bounds": value.bounds, f"{each.name}.values": value.values}
        else:
            arrays[each.name] = value
    return arrays
