"""What jedi, in its own process, says about the text before a dot."""

import time
from pathlib import Path

import pytest
from context_fixtures import budget_of, place_at, texts, write_files

from devstral_ls.context import Sources, Workspace, gather
from devstral_ls.context.facts import Fact, Semantics

FIXTURE = """\
from shop import open_basket
basket = open_basket()
basket.$0
#- shop.py
from goods import Basket
def open_basket():
    return Basket()
#- goods.py
class Basket:
    def add(self, item): ...
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    with Workspace((tmp_path,), libraries=()) as workspace:
        yield workspace


def test_the_type_before_the_dot_is_learned(tmp_path: Path, workspace: Workspace) -> None:
    """Jedi follows a call into another file to the class that it returns."""
    place = place_at(write_files(tmp_path, FIXTURE))
    assert (Fact("goods.py", "Basket"),) == workspace.semantics.learn(place, deadline_ms=30_000)


def test_what_was_learned_is_shown(tmp_path: Path, workspace: Workspace) -> None:
    """The members of the receiver's type reach the model although nothing imports them here."""
    place = place_at(write_files(tmp_path, FIXTURE))
    workspace.semantics.learn(place, deadline_ms=30_000)
    pieces = gather(place, budget=budget_of(), sources=Sources(workspace=workspace)).stable
    assert "class Basket:\n    def add(self, item): ..." == texts(pieces).get("goods.py")


def test_typing_does_not_wait(tmp_path: Path, workspace: Workspace) -> None:
    """What was never learned is not known, and asking costs no process."""
    assert () == workspace.semantics.known(place_at(write_files(tmp_path, FIXTURE)))


def test_a_late_answer_is_no_answer(tmp_path: Path, workspace: Workspace) -> None:
    """Past its deadline the process is killed, and the next question starts another."""
    place = place_at(write_files(tmp_path, FIXTURE))
    assert () == workspace.semantics.learn(place, deadline_ms=0)
    assert (Fact("goods.py", "Basket"),) == workspace.semantics.learn(place, deadline_ms=30_000)


def test_one_that_rests_knows_what_it_knew(tmp_path: Path, workspace: Workspace) -> None:
    """Without its process; the next question starts another."""
    place = place_at(write_files(tmp_path, FIXTURE))
    semantics = workspace.semantics
    semantics.rest()
    known = semantics.learn(place, deadline_ms=30_000)
    semantics.rest()
    assert (None, known) == (semantics._process, semantics.known(place))
    assert known == semantics.learn(place, deadline_ms=30_000)


def test_an_idle_process_gives_its_memory_back(tmp_path: Path, workspace: Workspace) -> None:
    """It ends when nobody has asked for a while; the next question starts another."""
    place = place_at(write_files(tmp_path, FIXTURE))
    semantics = Semantics(workspace.roots, (), idle_s=0.01)
    semantics.wonder(place)
    assert semantics.wait(30)
    ends_s = time.monotonic() + 30
    while semantics._process is not None and time.monotonic() < ends_s:
        time.sleep(0.01)
    assert semantics._process is None
    assert (Fact("goods.py", "Basket"),) == semantics.learn(place, deadline_ms=30_000)
    semantics.close()


def test_the_project_is_not_executed(tmp_path: Path, workspace: Workspace) -> None:
    """Neither its modules nor an interpreter that it brings along are run."""
    marker = tmp_path / "was-run"
    (tmp_path / "bin").mkdir()
    interpreter = tmp_path / "bin" / "python"
    interpreter.write_text(f"#!/bin/sh\ntouch {marker}\n")
    interpreter.chmod(0o755)
    (tmp_path / "pyvenv.cfg").write_text("home = .\n")
    place = place_at(write_files(tmp_path, FIXTURE + f"open({str(marker)!r}, 'w')\n"))
    workspace.semantics.learn(place, deadline_ms=30_000)
    assert not marker.exists()
