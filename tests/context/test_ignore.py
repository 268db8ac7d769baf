"""Ignore rules, checked against git itself."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from devstral_ls.context.ignore import is_ignored, parse_rules

PATTERN = st.text(alphabet="ab*?/!#[]\\ .-^", min_size=1, max_size=8)
PATHS = (
    "a",
    "b",
    "a/a",
    "a/b",
    "b/a/b",
    "a/b/a",
    "ab",
    "a.b",
    "#a",
    "!a",
    "a ",
    "a/[b]",
    "a-b/b",
    "b/.a",
    "^a/b",
    "a*b",
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


def ours(text: str) -> list[str]:
    return [path for path in PATHS if is_below_ignored(path, text)]


def is_below_ignored(path: str, text: str) -> bool:
    chain = [parse_rules(text)]
    parts = path.split("/")
    folders = ["/".join(parts[:n]) for n in range(1, len(parts))]
    return any(is_ignored(each, chain, is_folder=True) for each in folders) or is_ignored(path, chain, is_folder=False)


def theirs(root: Path, text: str) -> list[str]:
    (root / ".gitignore").write_bytes(text.encode())
    command = ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "-z", "--stdin"]
    found = subprocess.run(command, cwd=root, input="\0".join(PATHS).encode(), capture_output=True, check=False)
    assert found.returncode in (0, 1), found.stderr
    return [path for path in found.stdout.decode().split("\0") if path]


@given(st.lists(PATTERN, min_size=1, max_size=4))
@example(["**/b"])
@example(["a/**"])
@example(["a/**/a"])
@example(["*", "!a", "!a/b"])
@example(["/b", "a/"])
@example(["[!a]", "[]-a]b", "[b-a]"])
@example(["a\\ ", "a  ", "\\#a", "\\!a"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_same_as_git(repository: Path, patterns: list[str]) -> None:
    """Whatever the patterns, we ignore what `git check-ignore` ignores."""
    text = "\n".join(patterns) + "\n"
    assert theirs(repository, text) == ours(text)
