"""How findings look in a terminal: a mark, what was looked at, and how it is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from devstral_ls.cli.examination import Finding, Level

if TYPE_CHECKING:  # for start-up: `--help` draws nothing in colour
    from rich.console import Console

TOPIC_WIDTH = 12
_MARKS = {Level.GOOD: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.BROKEN: ("✗", "red")}


def draw(coming: Iterator[Finding]) -> list[Finding]:
    """Show each finding as soon as it is known."""
    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up

    console = terminal()
    console.print()
    findings = []
    for finding in coming:
        findings.append(finding)
        _draw_one(console, finding)
    return findings


def _draw_one(console: "Console", finding: Finding) -> None:
    from rich.table import Table  # noqa: PLC0415  for start-up
    from rich.text import Text  # noqa: PLC0415  for start-up

    mark, colour = _MARKS[finding.level]
    words = Text(finding.words)
    if finding.level is not Level.GOOD and finding.advice:
        words.append(f"\n→ {finding.advice}", style=colour)
    row = Table.grid(padding=(0, 1))
    row.add_column(width=2, justify="right")
    row.add_column(width=TOPIC_WIDTH)
    row.add_column()
    row.add_row(Text(mark, style=f"bold {colour}"), Text(finding.topic, style="bold"), words)
    console.print(row)
