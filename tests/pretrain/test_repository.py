"""Whose files are learnt from, and which of them only judge."""

from pathlib import Path

import pytest

from onnx_export.errors import ExportError
from onnx_export.pretrain import repository


def code(n: int) -> str:
    """About 3,000 characters that no other number gives."""
    return "".join(f"def add_{n}_{m}(left, right):\n    return left + right + {m}\n\n" for m in range(60))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for n in range(20):
        (tmp_path / f"module_{n}.py").write_text(code(n))
    return tmp_path


def paths(root: Path) -> tuple[set[str], set[str]]:
    files, held_out = repository.read([root])
    return {file.path for file in files}, {file.path for file in held_out}


def test_a_tenth_is_held_out_and_always_the_same(root: Path) -> None:
    """A new file changes little about who judges."""
    files, held_out = paths(root)
    assert not files & held_out
    assert 1 <= len(held_out) <= 3
    assert (files, held_out) == paths(root)


def test_copies_of_held_out_files_are_not_learnt(root: Path) -> None:
    """Otherwise the figures would praise reciting."""
    _, held_out = paths(root)
    for n, path in enumerate(sorted(held_out)):
        (root / f"copy_{n}.py").write_text((root / path).read_text())
    files, held_out = paths(root)
    texts = {(root / path).read_text() for path in held_out}
    assert not any((root / path).read_text() in texts for path in files)


@pytest.mark.parametrize("folder", [".hidden", "build", "node_modules", "env", "third_party"])
def test_what_is_not_written_here_is_left_out(root: Path, folder: str) -> None:
    """Build results, other people's code and virtual environments."""
    (root / folder).mkdir()
    (root / folder / "other.py").write_text(code(99))
    (root / "env").mkdir(exist_ok=True)
    (root / "env" / "pyvenv.cfg").touch()
    assert f"{folder}/other.py" not in set.union(*paths(root))


def test_too_little_code_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """One line: where, how much, how much is needed."""
    (tmp_path / "small.py").write_text(code(1))
    with pytest.raises(ExportError, match=r"at least 30000 are needed; name more repositories"):
        repository.read([tmp_path])


def test_no_folder_is_refused(tmp_path: Path) -> None:
    """A mistyped path is no empty repository."""
    with pytest.raises(ExportError, match="there is no folder"):
        repository.read([tmp_path / "absent"])
