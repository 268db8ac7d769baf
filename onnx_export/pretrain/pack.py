"""Documents packed into rows of one length each: the files that the trainer reads."""

import logging
import random
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from onnx_export.pretrain import corpus, tokenizer
from onnx_export.pretrain.corpus import SourceFile
from onnx_export.pretrain.documents import MIN_DOCUMENT_TOKENS, DocumentWriter
from onnx_export.pretrain.imports import ImportedBlocks
from onnx_export.pretrain.sources import SHARE_CAP
from onnx_export.pretrain.state import State

log = logging.getLogger(__name__)

SHORT_ROW_TOKENS, LONG_ROW_TOKENS = ROW_TOKENS = (512, 2048)
LONG_SHARE = 0.25  # of the tokens; a model that is no longer young fills holes in long documents only if it saw many
BYTES_PER_PLACE = 1600  # about one document of the short rows


def pack(state: State, *, epoch: int, max_tokens: int, long_share: float = LONG_SHARE) -> None:
    """Write one epoch of rows, so much of it in long ones; another epoch draws other places and holes."""
    rng = random.Random(epoch)
    files = corpus.load(state, corpus.TRAIN_FILE)
    writer = DocumentWriter(tokenizer.load(state.tokenizer), rng)
    imported = ImportedBlocks(files)
    places = _places(capped(files, rng), rng)
    for row_tokens, share in ((SHORT_ROW_TOKENS, 1 - long_share), (LONG_ROW_TOKENS, long_share)):
        n_rows = int(max_tokens * share) // row_tokens
        rows = _rows(places, writer, imported, row_tokens)
        _write(rows_path(state, epoch, row_tokens), rows, n_rows, row_tokens)


def rows_path(state: State, epoch: int, row_tokens: int) -> Path:
    return state.packed / f"{epoch:04}-{row_tokens}.u16"


def epochs(state: State) -> list[int]:
    """The epochs whose rows are complete, in order."""
    found = {int(path.stem.split("-")[0]) for path in state.packed.glob("*.u16")}
    return sorted(epoch for epoch in found if all(rows_path(state, epoch, n).exists() for n in ROW_TOKENS))


def open_rows(state: State, epoch: int, row_tokens: int) -> np.ndarray:
    """The packed rows as uint16 [n_rows, row_tokens], memory-mapped."""
    return np.memmap(rows_path(state, epoch, row_tokens), np.uint16, "r").reshape(-1, row_tokens)


def capped(files: list[SourceFile], rng: random.Random) -> list[SourceFile]:
    """A random choice of files in which no source is above its share."""
    by_source: dict[str, list[SourceFile]] = {}
    for file in files:
        by_source.setdefault(file.source, []).append(file)
    cap = _cap_chars([sum(len(f.text) for f in group) for group in by_source.values()])
    chosen = []
    for group in by_source.values():
        rng.shuffle(group)
        room = cap
        for file in group:
            if len(file.text) <= room:
                chosen.append(file)
                room -= len(file.text)
    return chosen


def first_chars(files: Iterable[SourceFile], n_chars: int) -> Iterator[str]:
    """Texts under their paths, as documents show them, up to so many characters."""
    for file in files:
        yield f"{file.path}\n{file.text}"
        n_chars -= len(file.text)
        if n_chars < 0:
            return


def _cap_chars(sizes: list[int]) -> int:
    """The size at which the largest sources are exactly at the cap of what is then left."""
    cap = max(sizes)
    if len(sizes) * SHARE_CAP <= 1:
        return cap  # too few sources for any of them to be small
    while SHARE_CAP * sum(min(size, cap) for size in sizes) < cap:
        cap = int(SHARE_CAP * sum(min(size, cap) for size in sizes))
    return cap


def _places(files: list[SourceFile], rng: random.Random) -> Iterator[SourceFile]:
    """Files in random order, long ones as often as they have room for documents; endless."""
    drawn = [file for file in files for _ in range(1 + len(file.text) // BYTES_PER_PLACE)]
    while True:
        rng.shuffle(drawn)
        yield from drawn


def _rows(
    places: Iterator[SourceFile], writer: DocumentWriter, imported: ImportedBlocks, row_tokens: int
) -> Iterator[list[int]]:
    """Rows filled with whole documents; each is written to fit the room that is left."""
    row: list[int] = []
    for file in places:
        blocks = partial(imported.of, file)
        document = writer.write(file.path, file.text, blocks, row_tokens - len(row))
        row += document
        assert len(row) <= row_tokens
        if row_tokens - len(row) < MIN_DOCUMENT_TOKENS:
            yield row
            row = []


def _write(path: Path, rows: Iterator[list[int]], n_rows: int, row_tokens: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    pad = tokenizer.SPECIAL_TOKENS.index(tokenizer.PAD)
    with unfinished.open("wb") as out:
        for done in range(n_rows):
            row = np.full(row_tokens, pad, np.uint16)
            ids = next(rows)
            row[: len(ids)] = ids
            out.write(row.tobytes())
            if done % 1000 == 0:
                log.info("%s: %d of %d rows", path.name, done, n_rows)
    unfinished.replace(path)
