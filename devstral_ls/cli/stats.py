"""`devstral-ls stats`: what became of the suggestions on this machine, and what the model did for them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # for start-up: `--help` needs no database
    from devstral_ls.ledger import Total, Work

N_DAYS = 30


def stats(
    *,
    n_days: Annotated[int, typer.Option("--days", min=1, help="How far to look back.")] = N_DAYS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for other programs.")] = False,
) -> None:
    """Show how many suggestions were offered, accepted and kept, by language and source, and how fast the model was.

    The numbers lie in a file of your own, hold no source text and are never sent anywhere.
    """
    from devstral_ls.folders import data_folder  # noqa: PLC0415  for start-up
    from devstral_ls.ledger import FILE_NAME, totals, work_done  # noqa: PLC0415  for start-up

    file = data_folder() / FILE_NAME
    found = {by: totals(file, by, n_days=n_days) for by in ("language", "source")}
    work = work_done(file, n_days=n_days)
    if as_json:
        told = {by: [asdict(each) for each in rows] for by, rows in found.items()}
        print(json.dumps({**told, "work": [asdict(each) for each in work]}, indent=2))
        return
    if found["language"]:
        for by, rows in found.items():
            _draw(by, rows, n_days)
    else:
        print(f"no suggestions in the last {n_days} days")
    if work:
        _draw_work(work, n_days)


def _draw(by: str, rows: "Sequence[Total]", n_days: int) -> None:
    from rich.table import Table  # noqa: PLC0415  for start-up

    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up

    table = Table(title=f"the last {n_days} days by {by}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    # Narrow enough for 80 columns: behind the times stands what was still there then.
    for heading in (by, "offered", "accepted", "part", "chars", "30 s", "2 min", "5 min", "10 min", "ms"):
        table.add_column(heading, justify="left" if heading == by else "right", no_wrap=True)
    for row in rows:
        table.add_row(row.name, *_cells(row))
    terminal().print("", table)


def _draw_work(work: "Sequence[Work]", n_days: int) -> None:
    from rich.table import Table  # noqa: PLC0415  for start-up

    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up

    table = Table(
        title=f"what the model did in the last {n_days} days",
        caption="typed on: withdrawn by the next key · warm: read on from a cache · read, written: mean tokens",
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
    )
    for heading in ("for", "asked", "typed on", "warm", "read", "written", "tokens/s", "p50 ms", "p95 ms"):
        table.add_column(heading, justify="left" if heading == "for" else "right", no_wrap=True)
    for row in work:
        table.add_row(row.name, *_work_cells(row))
    terminal().print("", table)


def _work_cells(row: "Work") -> list[str]:
    n_begun = row.n_requests - row.caches.get("unused", 0)
    n_warm = n_begun - row.caches.get("cold", 0)
    warm = f"{n_warm / n_begun:.0%}" if n_begun else ""
    figures = (row.mean_read, row.mean_written, row.tokens_per_s, row.p50_ms, row.p95_ms)
    rounded = ["" if figure is None else f"{figure:.0f}" for figure in figures]
    return [str(row.n_requests), f"{row.n_withdrawn / row.n_requests:.0%}", warm, *rounded]


def _cells(row: "Total") -> list[str]:
    accepted = f"{row.n_accepted} ({row.n_accepted / row.n_offered:.0%})"
    alive = [f"{lived / asked:.0%}" if asked else "" for lived, asked in row.alive]
    latency = "" if row.latency_ms is None else f"{row.latency_ms:.0f}"
    return [str(row.n_offered), accepted, str(row.n_partial), str(row.n_characters), *alive, latency]
