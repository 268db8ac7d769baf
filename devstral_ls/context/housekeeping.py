"""What lies in the user's cache folder is ours to tidy: the index of a folder that is gone does not stay there."""

import os
import shutil
import sys
import time
from pathlib import Path

KEEP_GONE_DAYS = 3  # a drive that is not mounted today may be there tomorrow
_OWNER = "index-of"  # a file with the path of the root
_DAY_S = 86_400


def cache_folder() -> Path:
    """Where everything is kept that can be made again."""
    chosen = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return (Path(chosen) if chosen else home) / "devstral-ls"


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
