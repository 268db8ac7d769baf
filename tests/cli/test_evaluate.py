"""`eval` on a small repository."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from devstral_ls.cli.app import run
from devstral_ls.cli.repository_tests import RepositoryTests
from devstral_ls.cli.written_lines import holes_in_history


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    code = "def add(first, second):\n    total = first + second\n    return total\n\n\nprint(add(1, 2 + 3))\n"
    for folder in ("pkg", ".venv", "build"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text(code, "utf-8")
    (tmp_path / "pkg" / "strange.py").write_bytes(b"\xff\xfe")
    return tmp_path


def test_every_position_is_scored(repository: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Files that cannot be read and folders that are not the user's are passed over."""
    assert run(["eval", str(repository), "-n", "3", "--json", "--model", str(tiny_model)]) == 0
    (scores,) = json.loads(capfd.readouterr().out)
    assert 3 == len(scores)
    assert all(0 <= score["similarity"] <= 1 for score in scores)


def test_two_models_are_compared(repository: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same model twice shows no clear difference in what it says."""
    model = str(tiny_model)
    assert run(["eval", str(repository), "-n", "2", "--model", model, "--against", model]) == 0
    shown = capfd.readouterr().out
    assert 2 == shown.count("2 positions")
    assert "first line exact       +0.00  (+0.00 to +0.00)  no clear difference" in shown


def test_a_folder_without_code_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """There is nothing to measure on."""
    assert run(["eval", str(tmp_path)]) == 2
    assert f"devstral-ls: {tmp_path} holds no Python code to evaluate on\n" == capfd.readouterr().err


TESTED = "def add(first, second):\n    total = first + second\n    return total\n"
JUDGE = "import sys; sys.path[:0] = ['pkg']; import app; sys.exit(app.add(1, 2) != 3)"


@pytest.fixture
def tested(repository: Path) -> Path:
    (repository / "pkg" / "app.py").write_text(TESTED, "utf-8")
    (repository / "judge.py").write_text(JUDGE, "utf-8")
    return repository


def test_the_repositorys_tests_judge_a_copy(tested: Path) -> None:
    """A right line passes, a wrong one fails, a hole that no test notices is not judged, and nothing is changed."""
    path = Path("pkg/app.py")
    with RepositoryTests(tested, f"{sys.executable} judge.py", 20) as tests:
        hole = TESTED.replace("first + second", "")
        assert tests.verdict(path, hole=hole, filled=TESTED.replace("first + second", "second + first"))
        assert tests.verdict(path, hole=hole, filled=TESTED.replace("first + second", "first - second")) is False
        assert tests.verdict(path, hole=TESTED, filled=TESTED) is None
    assert TESTED == (tested / path).read_text("utf-8")


def test_tests_that_fail_anyway_judge_nothing(tested: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Said before the model is asked."""
    (tested / "judge.py").write_text("raise SystemExit(3)", "utf-8")
    command = f"{sys.executable} judge.py"
    assert 2 == run(["eval", str(tested), "--run-tests", "--test-command", command])
    assert f"devstral-ls: the tests fail before anything is changed: {command}\n" == capfd.readouterr().err


@pytest.mark.parametrize("command", ["", "pytest 'x"])
def test_a_test_command_without_sense_is_one_line(
    tested: Path, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It says which, and what is wrong with it."""
    assert 2 == run(["eval", str(tested), "--run-tests", "--test-command", command])
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("devstral-ls: --test-command ")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_what_is_no_file_is_not_copied(tested: Path) -> None:
    """A pipe would be waited for, a socket refused."""
    os.mkfifo(tested / "pipe")
    with RepositoryTests(tested, f"{sys.executable} judge.py", 20) as tests:
        assert tests.verdict(Path("pkg/app.py"), hole=TESTED, filled=TESTED) is None


def test_no_test_runs_unasked(tested: Path, tiny_model: Path, tmp_path: Path) -> None:
    """The repository's code is data until the user says otherwise."""
    marker = tmp_path / "was-run"
    for name in ("conftest.py", "judge.py", "pkg/app.py"):
        (tested / name).write_text(f"open({str(marker)!r}, 'w').close()\n{TESTED}", "utf-8")
    assert 0 == run(["eval", str(tested), "-n", "2", "--model", str(tiny_model)])
    assert not marker.exists()


def test_two_settings_are_compared(repository: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A second run with another setting on the same positions."""
    words = ["eval", str(repository), "-n", "2", "--model", str(tiny_model), "--against", "max_lines=1"]
    assert 0 == run([*words, "--against", "known_names_only=false"])
    assert "the second model compared with the first" in capfd.readouterr().out
    assert 2 == run([*words, "--against", "max_lines=none"])
    assert "setting 'max_lines' is 'none', but must be a whole number" in capfd.readouterr().err


def test_positions_come_from_the_history(repository: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a commit added is not there yet."""
    git = ["git", "-C", str(repository), "-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    for text in ("import os\n", "import os\n\n\ndef where():\n    return os.getcwd()\n\n\nprint(where())\n"):
        (repository / "pkg" / "app.py").write_text(text, "utf-8")
        subprocess.run([*git, "add", "pkg/app.py"], check=True)
        subprocess.run([*git, "commit", "-qm", "more"], check=True)
    (hole,) = holes_in_history(repository, random.Random(1), 5)
    assert hole.expected not in hole.place.document.text
    assert not hole.place.after.strip()
    assert 0 == run(["eval", str(repository), "--from-git", "-n", "3", "--json", "--model", str(tiny_model)])
    assert 1 == len(json.loads(capfd.readouterr().out)[0])
