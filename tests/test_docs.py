"""The documents are in step with the tree."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WRITTEN = (page for folder in ("docs", "editors") for page in ROOT.glob(f"{folder}/**/*.md"))
PAGES = [ROOT / "README.md", *sorted(page for page in WRITTEN if "node_modules" not in page.parts)]
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file of this repository."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [] == [link for link in LINK.findall(text) if not (page.parent / link).exists()]


@pytest.mark.parametrize("name", ["demo", "test"])
def test_readme_shows_the_command_that_ci_runs(name: str) -> None:
    """`.ci/run` takes each command from under its marker, so each marker must be there."""
    assert f"<!-- command: {name} -->\n```sh\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"readme_command {name}" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_no_path_of_one_machine_is_committed() -> None:
    """Documents and results name paths relative to the repository or to a user's home."""
    pattern = re.compile(r"(?<![\w.~])/(?:root|work|home|Users|tmp)/")
    pages = [*PAGES, *ROOT.glob("benchmarks/results/*")]
    assert [] == [page.name for page in pages if pattern.search(page.read_text(encoding="utf-8", errors="replace"))]
