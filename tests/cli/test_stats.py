"""`devstral-ls stats`: the ledger, drawn."""

import json
from pathlib import Path

import pytest

from devstral_ls.cli.app import run
from devstral_ls.ledger import FILE_NAME, Ledger


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("DEVSTRAL_LS_DATA", str(tmp_path))
    return Ledger(tmp_path / FILE_NAME)


def test_nothing_counted_is_said(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """Not an empty table."""
    ledger.close()
    assert 0 == run(["stats"])
    assert "no suggestions in the last 30 days\n" == capsys.readouterr().out


def test_what_was_counted_is_drawn(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each language and source."""
    ledger.offered("a", language="python", source="model", n_characters=5, latency_ms=12.0)
    ledger.accepted("a", 5, is_partial=False)
    ledger.close()
    assert 0 == run(["stats"])
    drawn = capsys.readouterr().out
    assert all(word in drawn for word in ("python", "model", "1 (100%)"))


def test_other_programs_get_json(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """The same numbers."""
    ledger.offered("a", language="python", source="model", n_characters=5, latency_ms=12.0)
    ledger.close()
    assert 0 == run(["stats", "--json"])
    assert 1 == json.loads(capsys.readouterr().out)["language"][0]["n_offered"]
