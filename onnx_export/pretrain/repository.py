"""The Python files of somebody's own repository, and the few of them that only judge what was learnt."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from onnx_export.errors import ExportError
from onnx_export.pretrain import dedup, filters
from onnx_export.pretrain.corpus import SourceFile

HELD_OUT_SHARE = 0.1  # of the text
MIN_CHARS = 30_000  # less teaches nothing, and its held-out tenth would judge nothing
BUILT = frozenset({"build", "dist", "node_modules", "venv", "__pycache__"})


def read(roots: Sequence[Path]) -> tuple[list[SourceFile], list[SourceFile]]:
    """Files to learn from, and files held out; neither holds a near-duplicate of the other."""
    found = [file for root in roots for file in _files(root)]
    n_chars = sum(len(file.text) for file in found)
    if n_chars < MIN_CHARS:
        where = ", ".join(map(str, roots))
        raise ExportError(
            f"{where}: {n_chars} characters of Python are worth learning from, at least {MIN_CHARS} are needed; "
            "name more repositories"
        )
    return _parted(found)


def _parted(found: list[SourceFile]) -> tuple[list[SourceFile], list[SourceFile]]:
    """By a hash of the path, so that the same files judge every run."""
    by_hash = sorted(found, key=lambda file: hashlib.sha256(file.path.encode()).digest())
    wanted, held_out, seen = HELD_OUT_SHARE * sum(len(file.text) for file in found), [], dedup.Seen()
    while 0 < wanted:
        file = by_hash.pop()
        held_out.append(file)
        seen.add(dedup.shingles(file.text))
        wanted -= len(file.text)
    kept = dedup.unseen((asdict(file) for file in by_hash), seen)
    return [SourceFile(**record) for record in kept], held_out


def _files(root: Path) -> Iterator[SourceFile]:
    """What is worth learning from below a folder, addresses masked."""
    if not root.is_dir():
        raise ExportError(f"there is no folder {root}; name a repository")
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if _is_written(Path(folder) / name))
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix == ".py" and path.is_file() and not path.is_symlink():
                yield from _file(root, path)


def _file(root: Path, path: Path) -> Iterator[SourceFile]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    told = path.relative_to(root).as_posix()
    if not filters.is_vendored(told) and filters.rejection(text) is None:
        yield SourceFile(root.resolve().name, told, filters.mask_personal(text))


def _is_written(folder: Path) -> bool:
    """Neither hidden, nor built, nor a virtual environment."""
    hidden = folder.name.startswith(".") or folder.name in BUILT
    return not hidden and not (folder / "pyvenv.cfg").exists()
