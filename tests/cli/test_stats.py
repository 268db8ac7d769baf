"""`devstral-ls stats`: the ledger, drawn."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from devstral_ls.cli.app import run
from devstral_ls.ledger import FILE_NAME, Ledger, Spent


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


def spend(ledger: Ledger, total_ms: float, *, finish: str = "end", cache: str = "warm") -> None:
    row = Spent(
        work="typing",
        cache=cache,
        finish=finish,
        n_read=4,
        n_written=11,
        queue_ms=1.0,
        write_ms=20.0,
        total_ms=total_ms,
    )
    ledger.spent(row)


def test_what_the_model_did_is_drawn(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """How often it was asked, how much of that was typed on, and how fast it answered the rest."""
    for total_ms in (32.0, 32.0, 512.0):
        spend(ledger, total_ms)
    spend(ledger, 4.0, finish="superseded", cache="cold")
    ledger.close()
    assert 0 == run(["stats"])
    assert ["typing", "4", "25%", "75%", "4", "11", "500", "32", "512"] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]


def test_other_programs_get_what_the_model_did(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """Also by cache and by how it ended."""
    spend(ledger, 32.0)
    spend(ledger, 4.0, finish="cancelled")
    ledger.close()
    assert 0 == run(["stats", "--json"])
    work = json.loads(capsys.readouterr().out)["work"][0]
    assert ({"warm": 2}, {"end": 1, "cancelled": 1}) == (work["caches"], work["finishes"])


def test_a_ledger_of_an_older_release_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It knew nothing of what the model did."""
    monkeypatch.setenv("DEVSTRAL_LS_DATA", str(tmp_path))
    Ledger(tmp_path / FILE_NAME).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute("DROP TABLE request")
    assert 0 == run(["stats"])
    assert "no suggestions" in capsys.readouterr().out
