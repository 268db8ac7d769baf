"""`complete` on files of every kind, with a real engine."""

import json
from pathlib import Path

import pytest

from devstral_ls.cli.app import run
from devstral_ls.cli.files import Spot, read_document

EXIT_SILENT = 1


@pytest.mark.parametrize(
    ("content", "spot", "before"),
    [
        (b"x = 1\r\ny = \r\n", "2:5", "x = 1\r\ny = "),
        (b"x = 1\ny = ", "2:5", "x = 1\ny = "),
        (b"", "1:1", ""),
        (b"\xef\xbb\xbfx = \n", "1:5", "x = "),
        ("é = 'ü'  # 🙂\n".encode(), "1:13", "é = 'ü'  # 🙂"),
        (b"a\fb\nc\n", "2:2", "a\fb\nc"),
    ],
    ids=["crlf", "no final newline", "empty", "byte order mark", "beyond ascii", "form feed"],
)
def test_where_the_cursor_stands(tmp_path: Path, content: bytes, spot: str, before: str) -> None:
    """Lines end as in editors, and columns count characters."""
    path = tmp_path / "app.py"
    path.write_bytes(content)
    assert before == Spot.parse(f"{path}:{spot}").place_in(read_document(path)).before


def test_a_file_is_named_from_its_project(tmp_path: Path) -> None:
    """The model sees the path below the project's root, whatever the working folder is."""
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / "pkg" / "app.py"
    path.parent.mkdir()
    path.write_text("x = 1\n", "utf-8")
    assert "pkg/app.py" == read_document(path).path


def test_an_empty_file_has_nothing_to_suggest(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The reason stands on stderr, and the exit code tells it apart."""
    path = tmp_path / "empty.py"
    path.touch()
    assert EXIT_SILENT == run(["complete", f"{path}:1:1", "--model", str(tiny_model)])
    captured = capfd.readouterr()
    assert ("", "nothing to suggest: the file is empty\n") == (captured.out, captured.err)


def test_json_for_other_programs(tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One object with suggestions or the reason for none, and what it cost."""
    path = tmp_path / "app.py"
    path.write_text("def area(r):\n    return \n", "utf-8")
    code = run(["complete", f"{path}:2:12", "--json", "--model", str(tiny_model)])
    answer = json.loads(capfd.readouterr().out)
    assert {"suggestions", "silence", "metrics"} == set(answer)
    assert code == (0 if answer["suggestions"] else EXIT_SILENT)
    assert (answer["silence"] is None) == bool(answer["suggestions"])
    assert 0 < answer["metrics"]["n_prompt_tokens"]
