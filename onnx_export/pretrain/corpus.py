"""Named releases and the standard library in, one filtered and de-duplicated text a file out."""

import logging
import platform
import subprocess
import sys
import sysconfig
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

from onnx_export.pretrain import dedup, filters, licences
from onnx_export.pretrain.sources import (
    HELD_OUT,
    STDLIB,
    STDLIB_TESTS,
    TRAINING,
    Package,
)
from onnx_export.pretrain.state import State, read_lines, write_json, write_lines

log = logging.getLogger(__name__)

TRAIN_FILE = "train.jsonl"
HELD_OUT_FILE = "held-out.jsonl"
CARD_FILE = "card.json"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One kept file: which release it comes from, its path inside it, its masked text."""

    source: str
    path: str
    text: str


def build(state: State) -> None:
    """Fetch, filter and de-duplicate everything; finished sources are not done again."""
    fetch(state, [*HELD_OUT, *TRAINING])
    _keep_stdlib(state)
    for package in (*HELD_OUT, *TRAINING):
        _keep_package(state, package)
    _merge(state)


def fetch(state: State, packages: Iterable[Package]) -> None:
    """Download the wheels that are not there yet through pip."""
    state.wheels.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if wheel_of(state, package) is None:
            log.info("fetching %s", package.requirement)
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--only-binary=:all:", "--python-version", "3.12"]
            command += ["--dest", str(state.wheels), package.requirement]
            subprocess.run(command, check=True)


def load(state: State, file_name: str) -> list[SourceFile]:
    """The texts a finished corpus stage left behind."""
    return [SourceFile(**record) for record in read_lines(state.corpus / file_name)]


def wheel_of(state: State, package: Package) -> Path | None:
    """The fetched release of a package."""
    prefix = f"{package.name}-{package.version}-".replace("-", "_").casefold()
    wheels = sorted(state.wheels.glob("*.whl"))
    return next((w for w in wheels if w.name.replace("-", "_").casefold().startswith(prefix)), None)


def _keep_stdlib(state: State) -> None:
    root = Path(sysconfig.get_path("stdlib"))
    paths = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.py"))
    tests = [path for path in paths if path.startswith("test/")]
    code = [path for path in paths if not path.startswith("test/") and not filters.is_test(path)]
    version = platform.python_version()
    for name, chosen in ((STDLIB, code), (STDLIB_TESTS, tests)):
        files = ((path, (root / path).read_bytes()) for path in chosen)
        _keep(state, Package(name, version), ["PSF-2.0"], files)


def _keep_package(state: State, package: Package) -> None:
    wheel = wheel_of(state, package)
    assert wheel is not None, package
    with zipfile.ZipFile(wheel) as archive:
        named = licences.declared(_metadata(archive))
        reason = licences.refusal(named)
        if reason is not None:
            log.warning("refused %s: %s", package.requirement, reason)
            _record_card(state, package, named, Counter({reason: 1}), 0)
            return
        paths = [name for name in archive.namelist() if name.endswith(".py")]
        files = ((path, archive.read(path)) for path in paths if not filters.is_test(path))
        _keep(state, package, named, files)


def _keep(state: State, package: Package, named: list[str], files: Iterable[tuple[str, bytes]]) -> None:
    target = _filtered(state, package.name)
    if target.exists():
        return
    dropped: Counter[str] = Counter()
    kept = [asdict(file) for file in _chosen(package.name, files, dropped)]
    write_lines(target, kept)
    n_bytes = sum(len(record["text"].encode()) for record in kept)
    _record_card(state, package, named, dropped, n_bytes)
    log.info("%-24s %5d files %7.2f MB", package.requirement, len(kept), n_bytes / 1e6)


def _chosen(source: str, files: Iterable[tuple[str, bytes]], dropped: Counter[str]) -> Iterator[SourceFile]:
    for path, content in files:
        reason, text = _examined(path, content)
        if reason is not None:
            dropped[reason] += 1
            continue
        yield SourceFile(source, path, filters.mask_personal(text))


def _examined(path: str, content: bytes) -> tuple[str | None, str]:
    """Why the file is refused, if it is, and its text."""
    if filters.is_vendored(path):
        return "vendored", ""
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return "not UTF-8", ""
    if licences.mentions_copyleft(text):
        return "copyleft notice", ""
    return filters.rejection(text), text


def _merge(state: State) -> None:
    """Join the sources; training never repeats itself nor anything held out."""
    held_out, seen = [], dedup.Seen()
    for package in HELD_OUT:
        for record in read_lines(_filtered(state, package.name)):
            held_out.append(record)
            seen.add(dedup.shingles(record["text"]))
    write_lines(state.corpus / HELD_OUT_FILE, held_out)
    names = [STDLIB, STDLIB_TESTS, *(package.name for package in TRAINING)]
    paths = [path for name in names if (path := _filtered(state, name)).exists()]
    records = (record for path in paths for record in read_lines(path))
    write_lines(state.corpus / TRAIN_FILE, dedup.unseen(records, seen))
    log.info("corpus is in %s", state.corpus)


def _record_card(state: State, package: Package, named: list[str], dropped: Counter[str], n_bytes: int) -> None:
    card = {
        "version": package.version,
        "licences": named,
        "kept_bytes": n_bytes,
        "dropped_files": dict(dropped),
    }
    write_json(state.corpus / "cards" / f"{package.name}.json", card)


def _filtered(state: State, name: str) -> Path:
    return state.corpus / "filtered" / f"{name}.jsonl"


def _metadata(archive: zipfile.ZipFile) -> Message:
    name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    return Parser().parsestr(archive.read(name).decode("utf-8"))
