"""Indexes of folders that are gone are removed, and nothing else is."""

import os
from pathlib import Path

import pytest

from devstral_ls.context.housekeeping import KEEP_GONE_DAYS, remove_forgotten, sign

DAY_S = 86_400


@pytest.mark.parametrize(
    ("is_gone", "days", "is_removed"),
    [(True, KEEP_GONE_DAYS + 1, True), (True, KEEP_GONE_DAYS - 1, False), (False, KEEP_GONE_DAYS + 1, False)],
    ids=["long gone", "gone today", "still there"],
)
def test_what_is_forgotten(tmp_path: Path, *, is_gone: bool, days: int, is_removed: bool) -> None:
    """An index goes once its folder is gone and nobody has used it for some days."""
    index, root = tmp_path / "indexes/project-1", tmp_path / "project"
    if not is_gone:
        root.mkdir()
    sign(index, root)
    then = (index / "index-of").stat().st_mtime - days * DAY_S
    os.utime(index / "index-of", (then, then))
    (tmp_path / "indexes/no index of ours").mkdir()
    assert ([index] if is_removed else []) == remove_forgotten(tmp_path / "indexes")
    assert is_removed != index.exists()
