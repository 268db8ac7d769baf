"""A Hugging Face folder: its settings, and its tensors by name wherever they are stored."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import CheckpointError, TensorDamaged, TensorMissing
from onnx_export.matrix import Matrix, low_rank_update, scaled_in_tiles
from onnx_export.safetensors_file import StoredTensor, read_table

INDEX_NAME = "model.safetensors.index.json"
JSON_LIMIT_BYTES = 64 << 20

_SHARD_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors")
_FP8_SCALES = ("_scale_inv", "_scale")
_FP8_TILE = 128
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settings:
    """config.json (or a part of it), read key by key with a reason for each refusal."""

    raw: Mapping[str, object]
    where: str = "config.json"

    def __contains__(self, key: str) -> bool:
        return self.raw.get(key) is not None

    def count(self, key: str, default: int | None = None) -> int:
        value = self.raw.get(key)
        value = default if value is None else value
        if type(value) is not int or value < 0:
            raise self._wrong(key, "a whole number")
        return value

    def first_count(self, *keys: str) -> int:
        """The first of several spellings that is there."""
        return self.count(next((key for key in keys if key in self), keys[0]))

    def number(self, key: str, default: float | None = None) -> float:
        value = self.raw.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number")
        return float(value)

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.raw.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.raw.get(key)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.raw.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts")
        return value

    def counts(self, key: str) -> tuple[int, ...]:
        """A number or a list of them, as one tuple; empty when absent."""
        value = self.raw.get(key)
        items = value if isinstance(value, list) else [] if value is None else [value]
        if not all(type(item) is int and 0 <= item for item in items):
            raise self._wrong(key, "a whole number or a list of them")
        return tuple(items)

    def part(self, key: str) -> "Settings":
        """The object under a key; empty when absent."""
        value = self.raw.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self._wrong(key, "an object")
        return Settings(value, f"{self.where}: {key}")

    def _wrong(self, key: str, expected: str) -> CheckpointError:
        found = f"{self.raw[key]!r:.60}" if key in self.raw else "nothing"
        return CheckpointError(f"{self.where}: {key} should be {expected}, found {found}")


@dataclass(frozen=True, slots=True)
class LowRank:
    """What a LoRA adapter adds to one weight: factor · left @ right."""

    left: Floats  # [n_rows, rank]
    right: Floats  # [rank, n_columns]
    factor: float


@dataclass(frozen=True, slots=True)
class Tensors:
    """The tensors of a checkpoint below a prefix such as "model.layers.3."; updates are merged as they are read."""

    table: Mapping[str, StoredTensor]
    prefix: str = ""
    updates: Mapping[str, LowRank] = field(default_factory=dict)

    def at(self, name: str) -> "Tensors":
        return Tensors(self.table, f"{self.prefix}{name}.", self.updates)

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.table

    def stored(self, name: str) -> StoredTensor:
        """One tensor as it is in the file."""
        tensor = self.table.get(self.prefix + name)
        if tensor is None:
            raise TensorMissing(f"the checkpoint holds no tensor {self.prefix + name}; is a shard missing?")
        return tensor

    def matrix(self, name: str, n_rows: int, n_columns: int) -> Matrix:
        """A weight of a known shape, with its FP8 scales and the adapter's update applied."""
        stored = self.stored(name)
        matrix = stored.matrix
        if (matrix.n_rows, matrix.n_columns) != (n_rows, n_columns):
            raise TensorDamaged(f"{stored.name} is {list(stored.shape)}, config.json asks for {[n_rows, n_columns]}")
        if stored.dtype.startswith("F8"):
            matrix = self._scaled(name, matrix)
        update = self.updates.get(stored.name)
        if update is None:
            return matrix
        return low_rank_update(matrix, update.left, update.right, update.factor)

    def vector(self, name: str, length: int) -> Floats:
        """A small tensor of a known length: a norm's weight, a bias."""
        row: Floats = self.matrix(name, 1, length).whole()[0]
        return row

    def optional_vector(self, name: str, length: int) -> Floats | None:
        return self.vector(name, length) if name in self else None

    def _scaled(self, name: str, matrix: Matrix) -> Matrix:
        """Apply the scales stored beside an FP8 weight: one for all, one a row, or one a tile of 128 x 128."""
        stored = next((self.stored(name + suffix) for suffix in _FP8_SCALES if name + suffix in self), None)
        if stored is None:
            raise TensorMissing(f"{self.prefix + name} is FP8, but the checkpoint holds no {name}_scale_inv for it")
        scales = stored.matrix.whole()
        if len(stored.shape) == 1:
            scales = scales.reshape(-1, 1)
        tile = (_tile(matrix.n_rows, scales.shape[0]), _tile(matrix.n_columns, scales.shape[1]))
        if (-(-matrix.n_rows // tile[0]), -(-matrix.n_columns // tile[1])) != scales.shape:
            raise TensorDamaged(f"{stored.name} is {list(stored.shape)}, which does not tile {name}")
        return scaled_in_tiles(matrix, scales, tile)


@dataclass(frozen=True, slots=True)
class Source:
    """The text model in a checkpoint: its settings, its tensors, and where its head is."""

    settings: Settings
    model: Tensors
    outer: Tensors

    @property
    def model_type(self) -> str:
        return self.settings.text("model_type")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with a config.json and safetensors."""

    folder: Path
    settings: Settings
    tensors: Tensors


def with_adapter(checkpoint: Checkpoint, updates: Mapping[str, LowRank]) -> Checkpoint:
    """Return the checkpoint with an adapter merged into each weight as it is read."""
    return replace(checkpoint, tensors=replace(checkpoint.tensors, updates=updates))


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read the settings and the tables of all shards; no weight is read yet."""
    if not folder.is_dir():
        raise CheckpointError(f"no folder at {folder}; give the folder that holds config.json")
    settings = Settings(read_json(folder / "config.json"))
    table: dict[str, StoredTensor] = {}
    for path in _shards(folder):
        table.update(read_table(path))
    return Checkpoint(folder, settings, Tensors(table))


def read_json(path: Path) -> dict[str, object]:
    """Return the object in a JSON file of the checkpoint."""
    if not path.is_file():
        raise CheckpointError(f"{path.parent} holds no {path.name}; give a complete Hugging Face folder")
    if JSON_LIMIT_BYTES < path.stat().st_size:
        raise CheckpointError(f"{path} is larger than {JSON_LIMIT_BYTES >> 20} MiB, so it is no {path.name}")
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); fetch it again") from error
    if not isinstance(raw, dict):
        raise CheckpointError(f"{path} holds no object; fetch it again")
    return raw


def require_inside(folder: Path, path: Path) -> Path:
    """Refuse a link that leaves the checkpoint; in the Hugging Face cache, files are links to ../../blobs."""
    target, home = path.resolve(), folder.resolve()
    if target.parent not in (home, home.parent.parent / "blobs"):
        raise CheckpointError(f"{path} links to {target}, outside the checkpoint; copy the file into the folder")
    return path


def _shards(folder: Path) -> list[Path]:
    if (folder / INDEX_NAME).is_file():
        index = Settings(read_json(folder / INDEX_NAME), INDEX_NAME).part("weight_map")
        return [_shard(folder, name) for name in sorted({str(name) for name in index.raw.values()})]
    if (folder / "model.safetensors").is_file():
        return [require_inside(folder, folder / "model.safetensors")]
    if any(path for pattern in _PICKLES for path in folder.glob(pattern)):
        raise CheckpointError(f"{folder} holds only pickled weights, which can run code; convert them to safetensors")
    raise TensorMissing(f"{folder} holds no model.safetensors and no {INDEX_NAME}")


def _shard(folder: Path, name: str) -> Path:
    if not _SHARD_NAME.fullmatch(name):
        raise CheckpointError(f"{INDEX_NAME} names the shard {name!r}, which is no plain file name in the folder")
    path = folder / name
    if not path.is_file():
        raise TensorMissing(f"the shard {name} is missing from {folder}; fetch the checkpoint again")
    return require_inside(folder, path)


def _tile(length: int, n_tiles: int) -> int:
    if n_tiles == 1:
        return length
    return 1 if n_tiles == length else _FP8_TILE
