"""The model folder ("bundle") and its manifest: what is in it, and whether it can be trusted.

Read by the engine, written by the exporter; standard library only.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from devstral_ls.errors import BundleDamaged, BundleMissing, BundleTooNew

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
GRAPH_NAME = "model.onnx"
PREFILL_GRAPH_NAME = "prefill.onnx"  # beside it where shapes never change: the same weights, a run of tokens
WEIGHTS_NAME = "model.onnx.data"
TOKENIZER_NAME = "tokenizer.json"
REQUIRED_FILES = (GRAPH_NAME, TOKENIZER_NAME)

MANIFEST_LIMIT_BYTES = 1 << 20
HASH_CHUNK_BYTES = 1 << 20

# One path component: no separators of any system, no drive, no leading dot.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CODE_SUFFIXES = frozenset({".so", ".dll", ".dylib", ".pyd", ".py", ".pyc", ".exe"})
_PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".bin", ".pt", ".pth", ".ckpt", ".joblib"})


@dataclass(frozen=True, slots=True)
class BundleFile:
    """What the manifest promises about one file."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that the engine must know about a model before it opens the graph."""

    name: str
    architecture: str
    precision: str
    window_tokens: int
    vocab_size: int
    n_layers: int
    n_kv_heads: int
    head_dim: int
    kv_dtype: str
    kv_bytes_per_token: int
    n_experts: int  # 0 for a dense model
    n_experts_per_token: int
    n_parameters: int
    n_active_parameters: int
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]
    prompt_formats: Mapping[str, str | None]
    capabilities: tuple[str, ...]
    license: str
    provenance: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, BundleFile] = field(default_factory=dict)
    kv_layout: str = "shared"  # one buffer bound as past and present; or "growing", "static"
    providers: tuple[str, ...] = ("cpu",)
    match_ladder: tuple[tuple[int, float], ...] = ()  # what matches of so many tokens weigh beside the network
    project_ladder: tuple[tuple[int, float], ...] = ()  # the same for matches in other files of the project
    log_probabilities: bool = False  # whether the graph returns them beside the logits
    infill_tokens: int | None = None  # around how long a hole and its surroundings it fills best; None: its window
    format_version: int = FORMAT_VERSION

    @property
    def hole_tokens(self) -> int:
        """How long a prompt with a hole should be, completion included."""
        return min(self.infill_tokens or self.window_tokens, self.window_tokens)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a model folder; look at no other file."""
    path = folder / MANIFEST_NAME
    _require_bundle(folder)
    _require_plain_file(path, hard_links_allowed=True)
    if MANIFEST_LIMIT_BYTES < path.stat().st_size:
        raise BundleDamaged(f"{path} is larger than {MANIFEST_LIMIT_BYTES} bytes, so it is no manifest; {_AGAIN}")
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BundleDamaged(f"{path} is not valid JSON ({error}); {_AGAIN}") from error
    if not isinstance(raw, dict):
        raise BundleDamaged(f"{path} holds {type(raw).__name__}, not an object; {_AGAIN}")
    return _Fields(path, raw).manifest()


def inspect_bundle(folder: Path, *, installed: bool = False) -> Manifest:
    """Check everything but the contents: names, sizes, links, no code, no pickle.

    `installed` is for the folder inside our own package: some installers hard-link files from their cache.
    """
    manifest = read_manifest(folder)
    for path in _walk(folder):
        _require_harmless(path, folder)
        _require_plain_file(path, hard_links_allowed=installed)
    for name, promised in manifest.files.items():
        _require_size(folder / name, promised.size_bytes)
    return manifest


def verify_bundle(folder: Path, *, installed: bool = False) -> Manifest:
    """Check everything, the SHA-256 of each file too; reads the whole folder."""
    manifest = inspect_bundle(folder, installed=installed)
    for name in manifest.files:
        verify_file(folder, manifest, name)
    return manifest


def verify_file(folder: Path, manifest: Manifest, name: str) -> None:
    """Check the SHA-256 of one file, for who reads it before the whole folder is verified."""
    actual, promised = file_sha256(folder / name), manifest.files[name].sha256
    if actual != promised:
        raise BundleDamaged(f"{folder / name} has SHA-256 {actual[:12]}…, the manifest says {promised[:12]}…; {_AGAIN}")


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Seal a folder: record every file now in it and write the manifest last, in one step."""
    files = {path.name: _fingerprint(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST_NAME}
    sealed = replace(manifest, files=files)
    partial = folder / f".{MANIFEST_NAME}.partial"
    partial.write_text(json.dumps(_to_json(sealed), indent=2, ensure_ascii=False) + "\n", "utf-8")
    partial.replace(folder / MANIFEST_NAME)
    return sealed


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, reading it in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(HASH_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


_AGAIN = "add the model again with `devstral-ls model add`"
_UPGRADE = "upgrade devstral-ls, or export the model again with this version"


def _fingerprint(path: Path) -> BundleFile:
    return BundleFile(sha256=file_sha256(path), size_bytes=path.stat().st_size)


def _to_json(manifest: Manifest) -> dict[str, object]:
    fields = asdict(manifest)
    return {"format_version": fields.pop("format_version"), **fields}


def _walk(folder: Path) -> Iterator[Path]:
    """Yield everything in the folder, links as themselves."""
    for root, directories, names in os.walk(folder, followlinks=False):
        for name in (*directories, *names):
            yield Path(root, name)


def _require_bundle(folder: Path) -> None:
    if folder.is_symlink():
        raise BundleDamaged(f"{folder} is a symbolic link; give the folder that it points to")
    if not folder.is_dir():
        raise BundleMissing(f"no model folder at {folder}; `devstral-ls model list` shows those there are")
    if not os.path.lexists(folder / MANIFEST_NAME):
        raise BundleMissing(f"{folder} holds no {MANIFEST_NAME}, so it is no model folder; {_AGAIN}")


def _require_plain_file(path: Path, *, hard_links_allowed: bool) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError as error:
        raise BundleDamaged(f"{path} is missing; {_AGAIN}") from error
    if stat.S_ISDIR(status.st_mode):
        raise BundleDamaged(f"{path} is a folder, a model folder holds plain files only; {_AGAIN}")
    if stat.S_ISLNK(status.st_mode):
        raise BundleDamaged(f"{path} is a symbolic link; copy the file itself into the model folder")
    if not stat.S_ISREG(status.st_mode):
        raise BundleDamaged(f"{path} is not a plain file; remove it from the model folder")
    if 1 < status.st_nlink and not hard_links_allowed:
        raise BundleDamaged(f"{path} is hard-linked {status.st_nlink} times; copy the model folder and use the copy")


def _require_harmless(path: Path, folder: Path) -> None:
    suffixes = {suffix.lower() for suffix in path.suffixes}
    name = path.relative_to(folder)
    if suffixes & _CODE_SUFFIXES:
        raise BundleDamaged(f"{folder} holds {name}, which is code; a model folder is data: remove the file")
    if suffixes & _PICKLE_SUFFIXES:
        raise BundleDamaged(f"{folder} holds {name}, which may be a pickle; a model folder is data: remove the file")


def _require_size(path: Path, size_bytes: int) -> None:
    _require_plain_file(path, hard_links_allowed=True)
    actual = path.stat().st_size
    if actual != size_bytes:
        raise BundleDamaged(f"{path} has {actual} bytes, the manifest says {size_bytes}; {_AGAIN}")


class _Fields:
    """The manifest's JSON object, read field by field with a reason for each refusal."""

    def __init__(self, path: Path, raw: dict[str, object]) -> None:
        self._path = path
        self._raw = raw

    def manifest(self) -> Manifest:
        version = self._count("format_version", least=1)
        if FORMAT_VERSION < version:
            made = f"format {version}, made by a newer devstral-ls than this (format {FORMAT_VERSION})"
            raise BundleTooNew(f"{self._path} has {made}; {_UPGRADE}")
        return Manifest(
            name=self._text("name"),
            architecture=self._text("architecture"),
            precision=self._text("precision"),
            window_tokens=self._count("window_tokens", least=1),
            vocab_size=self._count("vocab_size", least=1),
            n_layers=self._count("n_layers", least=1),
            n_kv_heads=self._count("n_kv_heads", least=1),
            head_dim=self._count("head_dim", least=1),
            kv_dtype=self._text("kv_dtype"),
            kv_bytes_per_token=self._count("kv_bytes_per_token", least=1),
            n_experts=self._count("n_experts"),
            n_experts_per_token=self._count("n_experts_per_token"),
            n_parameters=self._count("n_parameters", least=1),
            n_active_parameters=self._count("n_active_parameters", least=1),
            bos_token_id=None if self._raw.get("bos_token_id") is None else self._count("bos_token_id"),
            eos_token_ids=self._token_ids("eos_token_ids"),
            prompt_formats=self._prompt_formats(),
            capabilities=self._texts("capabilities"),
            license=self._text("license"),
            provenance=self._object("provenance"),
            files=self._files(),
            kv_layout=self._text("kv_layout") if "kv_layout" in self._raw else "shared",
            providers=self._texts("providers") if "providers" in self._raw else ("cpu",),
            match_ladder=self._ladder("match_ladder"),
            project_ladder=self._ladder("project_ladder"),
            log_probabilities="log_probabilities" in self._raw and self._flag("log_probabilities"),
            infill_tokens=None if self._raw.get("infill_tokens") is None else self._count("infill_tokens", least=1),
            format_version=version,
        )

    def _wrong(self, key: str, expected: str) -> BundleDamaged:
        found = repr(self._raw[key])[:60] if key in self._raw else "nothing"
        return BundleDamaged(f"{self._path}: {key} should be {expected}, found {found}; {_AGAIN}")

    def _text(self, key: str) -> str:
        match self._raw.get(key):
            case str(value) if value:
                return value
        raise self._wrong(key, "a non-empty text")

    def _count(self, key: str, *, least: int = 0) -> int:
        match self._raw.get(key):
            case bool():
                pass
            case int(value) if least <= value:
                return value
        raise self._wrong(key, f"a whole number of at least {least}")

    def _flag(self, key: str) -> bool:
        match self._raw.get(key):
            case bool(value):
                return value
        raise self._wrong(key, "true or false")

    def _list(self, key: str) -> list[object]:
        match self._raw.get(key):
            case list(values):
                return values
        raise self._wrong(key, "a list")

    def _object(self, key: str) -> dict[str, object]:
        match self._raw.get(key):
            case dict(value):
                return value
        raise self._wrong(key, "an object")

    def _texts(self, key: str) -> tuple[str, ...]:
        texts = tuple(value for value in self._list(key) if isinstance(value, str))
        if len(texts) != len(self._list(key)):
            raise self._wrong(key, "a list of texts")
        return texts

    def _token_ids(self, key: str) -> tuple[int, ...]:
        ids = tuple(value for value in self._list(key) if type(value) is int and 0 <= value)
        if not ids or len(ids) != len(self._list(key)):
            raise self._wrong(key, "a list of one or more token ids")
        return ids

    def _ladder(self, key: str) -> tuple[tuple[int, float], ...]:
        steps = tuple(_step(value) for value in self._list(key)) if key in self._raw else ()
        rising = tuple(step for step in steps if step is not None)
        if len(rising) != len(steps) or [length for length, _ in rising] != sorted({length for length, _ in rising}):
            raise self._wrong(key, "a list of rising lengths, each with a weight from 0 to 1")
        return rising

    def _prompt_formats(self) -> dict[str, str | None]:
        formats: dict[str, str | None] = {}
        for purpose, name in self._object("prompt_formats").items():
            if name is not None and not isinstance(name, str):
                raise self._wrong("prompt_formats", "an object of names or null")
            formats[purpose] = name
        return formats

    def _files(self) -> dict[str, BundleFile]:
        files = {self._file_name(name): self._file(name, entry) for name, entry in self._object("files").items()}
        for name in REQUIRED_FILES:
            if name not in files:
                raise BundleDamaged(f"{self._path}: files does not list {name}; {_AGAIN}")
        return files

    def _file_name(self, name: str) -> str:
        if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST_NAME:
            raise BundleDamaged(f"{self._path} lists the file {name!r}, which is no plain file name; {_AGAIN}")
        return name

    def _file(self, name: str, entry: object) -> BundleFile:
        match entry:
            case {"sha256": str(sha256), "size_bytes": int(size_bytes)} if (
                _SHA256.fullmatch(sha256) and 0 <= size_bytes
            ):
                return BundleFile(sha256=sha256, size_bytes=size_bytes)
        raise BundleDamaged(
            f"{self._path}: files[{name!r}] should hold sha256 and size_bytes, found {entry!r:.60}; {_AGAIN}"
        )


def _step(value: object) -> tuple[int, float] | None:
    match value:
        case [int(length), int() | float() as weight] if 0 < length and 0 <= weight < 1:
            return length, float(weight)
    return None
