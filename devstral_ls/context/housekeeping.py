"""Indexes of folders that are gone do not stay: each says whose it is, and is removed some days after its last use."""

import shutil
import time
from pathlib import Path

KEEP_GONE_DAYS = 3  # a drive that is not mounted today may be there tomorrow
_OWNER = "index-of"  # a file with the path of the root
_DAY_S = 86_400


def sign(folder: Path, root: Path) -> None:
    """Note that `folder` holds the index of `root`, and that it is in use."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _OWNER).write_text(str(root), "utf-8", errors="surrogateescape")


def remove_forgotten(indexes: Path) -> list[Path]:
    """Remove the indexes below `indexes` whose root has been gone for some days; what was removed."""
    forgotten = [folder for folder in indexes.iterdir() if _is_forgotten(folder)]
    for folder in forgotten:
        shutil.rmtree(folder, ignore_errors=True)
    return forgotten


def _is_forgotten(folder: Path) -> bool:
    owner = folder / _OWNER
    try:
        is_old = owner.stat().st_mtime < time.time() - KEEP_GONE_DAYS * _DAY_S
        return is_old and not Path(owner.read_text("utf-8", errors="surrogateescape")).exists()
    except OSError:
        return False
