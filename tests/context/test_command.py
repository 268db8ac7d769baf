"""`devstral-ls context`: what it prints, for people and for programs."""

from pathlib import Path

import pytest
from context_fixtures import budget_of, write_files

from devstral_ls.cli.app import run
from devstral_ls.cli.files import Spot, read_document
from devstral_ls.context import Sources, Workspace
from devstral_ls.context.explanation import explain

FIXTURE = """\
#- pyproject.toml
#- main.py
from shop import Basket
basket = Basket()
basket.
#- shop.py
class Basket:
    def add(self, item: str) -> None: ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_files(tmp_path / "project", FIXTURE)
    return tmp_path / "project"


def test_each_symbol_says_why_it_is_shown(project: Path) -> None:
    """The shares of the features add up to what speaks for it, the largest first."""
    spot = Spot.parse(f"{project / 'main.py'}:3:8")
    place = spot.place_in(read_document(spot.path))
    explanation = explain(place, budget=budget_of(), sources=Sources(workspace=Workspace((project,), libraries=())))
    first = {each.signature: each.reasons[0][0] for each in explanation.chosen}
    assert {"class Basket": "imported", "def add(self, item: str) -> None": "popular_member"} == first
    shares = [[abs(share) for _, share in each.reasons] for each in explanation.chosen]
    assert all(sorted(each, reverse=True) == each for each in shares)


@pytest.mark.parametrize("spot", ["main.py:9:1", "none.py:1:1", "main.py"])
def test_a_position_that_does_not_exist_is_refused(
    project: Path, spot: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line and exit code 2."""
    monkeypatch.chdir(project)
    assert 2 == run(["context", spot])
    assert 1 == len(capsys.readouterr().err.splitlines())


def test_a_budget_beyond_the_largest_window_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The limit is named in the message."""
    assert 2 == run(["context", f"{project / 'main.py'}:3:8", "--budget", "200000"])
    assert "131072" in capsys.readouterr().err
