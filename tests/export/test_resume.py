"""An interrupted export is taken up where it stopped, and gives the same bytes as one that was not."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny

from devstral_ls.engine.manifest import WEIGHTS_NAME
from onnx_export.export import ExportOptions, fingerprint, plan_export
from onnx_export.writer import JOURNAL_NAME, write_weights


class Interrupted(Exception):
    """What ctrl-C would be."""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tiny.read_tiny("mixtral").write(tmp_path / "checkpoint")


def write(checkpoint: Path, folder: Path, precision: str, progress: Callable[[int], None]) -> bytes:
    """Write the weights with a journal entry for each tensor, because these are tiny."""
    folder.mkdir(exist_ok=True)
    plan = plan_export(checkpoint, ExportOptions(precision=precision))
    write_weights(plan.build.graph, plan.layout, folder, fingerprint(plan), progress, sync_bytes=1)
    return (folder / WEIGHTS_NAME).read_bytes()


def interrupt(checkpoint: Path, folder: Path, precision: str = "int4") -> None:
    """Stop when half of the file is written."""
    n_left = plan_export(checkpoint, ExportOptions(precision=precision)).size_bytes // 2

    def progress(n_bytes: int) -> None:
        nonlocal n_left
        n_left -= n_bytes
        if n_left < 0:
            raise Interrupted

    with pytest.raises(Interrupted):
        write(checkpoint, folder, precision, progress)


def finish(checkpoint: Path, folder: Path, precision: str = "int4") -> tuple[bytes, int]:
    """The weights, and how many bytes the first progress report said were there already."""
    reports: list[int] = []
    return write(checkpoint, folder, precision, reports.append), reports[0]


def test_resumed_export_is_the_same(checkpoint: Path, tmp_path: Path) -> None:
    """What was written before is kept, what follows completes it."""
    whole, _ = finish(checkpoint, tmp_path / "whole")
    interrupt(checkpoint, tmp_path / "resumed")
    resumed, n_kept = finish(checkpoint, tmp_path / "resumed")
    assert 0 < n_kept
    assert whole == resumed


def test_another_precision_starts_again(checkpoint: Path, tmp_path: Path) -> None:
    """A journal of another export is not continued."""
    interrupt(checkpoint, tmp_path / "out", "int4")
    _, n_kept = finish(checkpoint, tmp_path / "out", "int8")
    assert 0 == n_kept


@pytest.mark.parametrize("journal", ["", "{", "[]", '{"fingerprint": 1}'])
def test_damaged_journal_starts_again(checkpoint: Path, tmp_path: Path, journal: str) -> None:
    """A journal that cannot be read costs time, nothing else."""
    interrupt(checkpoint, tmp_path / "out")
    (tmp_path / "out" / JOURNAL_NAME).write_text(journal)
    _, n_kept = finish(checkpoint, tmp_path / "out")
    assert 0 == n_kept
