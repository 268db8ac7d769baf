"""What the project's other files say is said again, by the model that comes with the package."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.config import Settings
from devstral_ls.context import Sources, Workspace
from devstral_ls.engine import embedded_bundle, open_engine
from devstral_ls.engine.face import Engine
from devstral_ls.engine.request import Priority
from devstral_ls.features.inline_completion import Plan, plan, suggest_blocking
from devstral_ls.features.project import teach
from devstral_ls.features.replay import Verdict, recording, replay
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Place, Span

ELSEWHERE = "import ledger\n\n\ndef pay(invoice):\n    ledger.enter_voucher(invoice.number, quarter=invoice.quarter)\n"
TYPED = "import ledger\n\n\ndef refund(invoice):\n    ledger.enter_voucher("


@contextmanager
def opened() -> Iterator[Engine]:
    engine = open_engine(embedded_bundle(), n_threads=1)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with opened() as engine:
        yield engine


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    (tmp_path / "payments.py").write_text(ELSEWHERE, "utf-8")
    with Workspace((tmp_path,), libraries=()) as workspace:
        yield Sources(workspace=workspace)


PLACE = Place(Document("file:///refunds.py", TYPED, path="refunds.py"), len(TYPED))


def said(engine: Engine, sources: Sources, settings: Settings) -> str:
    outcome = suggest_blocking(PLACE, engine=engine, sources=sources, settings=settings, cancel=CancelToken())
    return outcome.suggestions[0].text if outcome.suggestions else ""


def test_the_project_is_repeated(engine: Engine, sources: Sources) -> None:
    """A call that another file has made is made alike, once the engine has learned that file."""
    settings = Settings(deadline_ms=60_000)
    before = said(engine, sources, settings)
    teach(PLACE.document, engine, sources)
    assert "quarter=" not in before
    assert "invoice.number, quarter=invoice.quarter)" == said(engine, sources, settings)


def test_without_other_files_nothing_of_them_is_said(engine: Engine, sources: Sources) -> None:
    """Who wants no context of other files gets none of their words either."""
    teach(PLACE.document, engine, sources)
    assert "quarter=" not in said(engine, sources, Settings(context_tokens=0, deadline_ms=60_000))


def test_holes_are_filled_with_them_too(engine: Engine, sources: Sources) -> None:
    """What fixes and refactorings have the model write repeats the project like what is typed."""
    teach(PLACE.document, engine, sources)
    hole = Span(PLACE.offset, PLACE.offset)
    written = Writer(engine, sources, CancelToken()).fill(PLACE.document, hole, max_tokens=24, deadline_ms=60_000)
    assert ["invoice.number, quarter=invoice.quarter)"] == [each.text.split("\n")[0] for each in written]


def test_a_replay_has_the_project_of_then(engine: Engine, sources: Sources) -> None:
    """What was mixed in is recorded, so a fresh engine says the same to the last bit, and not without it."""
    settings = Settings(deadline_ms=60_000)
    with opened() as first:
        teach(PLACE.document, first, sources)
        planned = plan(PLACE, engine=first, sources=sources, settings=settings, key="", priority=Priority.EXPLICIT)
        assert isinstance(planned, Plan)
        kept = recording(planned, first.generate_blocking(planned.request, CancelToken()), settings, first.facts())
    assert kept is not None
    with opened() as another:
        assert Verdict.BIT_EQUAL is replay(json.loads(json.dumps(kept)), another).verdict
    assert Verdict.DIFFERENT is replay(kept | {"project": None}, engine).verdict
