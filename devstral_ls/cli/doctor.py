"""`devstral-ls doctor`: whether everything works, how fast it is, and how to connect each editor."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cli.choices import Model, Provider, Threads, settings_of
from devstral_ls.cli.editors import EDITORS, Editor
from devstral_ls.cli.examination import Finding, Level, examine
from devstral_ls.config import Settings

if TYPE_CHECKING:  # for start-up: `--help` draws nothing in colour
    from rich.console import Console

EXIT_BROKEN = 1
_TOPIC_WIDTH = 12
_MARKS = {Level.GOOD: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.BROKEN: ("✗", "red")}


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for other programs.")] = False,
    prove_offline: Annotated[
        bool, typer.Option("--prove-offline", help="Watch a whole conversation instead, and tell what it opened.")
    ] = False,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Check the model, the runtime and the speed, and say how to connect each editor.

    The exit code is 1 when something is broken.
    """
    settings = settings_of(model=model, provider=provider, n_threads=threads)
    coming = _proof(settings) if prove_offline else examine(settings)
    if as_json:
        findings = list(coming)
        print(json.dumps(_to_json(findings), ensure_ascii=False, indent=2))
    else:
        findings = _draw(coming)
        if not prove_offline:
            _draw_editors()
    if any(finding.level is Level.BROKEN for finding in findings):
        raise typer.Exit(EXIT_BROKEN)


def _proof(settings: Settings) -> Iterator[Finding]:
    from devstral_ls.cli.prove_offline import prove_offline  # noqa: PLC0415  for start-up

    return prove_offline(settings)


def _draw(coming: Iterator[Finding]) -> list[Finding]:
    """Show each finding as soon as it is known."""
    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up

    console = terminal()
    console.print()
    findings = []
    for finding in coming:
        findings.append(finding)
        _draw_finding(console, finding)
    return findings


def _draw_editors() -> None:
    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up

    console = terminal()
    console.print("\n   [bold]Connect an editor[/]")
    for editor in EDITORS:
        _draw_editor(console, editor)


def _draw_finding(console: "Console", finding: Finding) -> None:
    from rich.table import Table  # noqa: PLC0415  for start-up
    from rich.text import Text  # noqa: PLC0415  for start-up

    mark, colour = _MARKS[finding.level]
    words = Text(finding.words)
    if finding.level is not Level.GOOD and finding.advice:
        words.append(f"\n→ {finding.advice}", style=colour)
    row = Table.grid(padding=(0, 1))
    row.add_column(width=2, justify="right")
    row.add_column(width=_TOPIC_WIDTH)
    row.add_column()
    row.add_row(Text(mark, style=f"bold {colour}"), Text(finding.topic, style="bold"), words)
    console.print(row)


def _draw_editor(console: "Console", editor: Editor) -> None:
    here = " [dim](found here)[/]" if editor.is_installed else ""
    console.print(f"   {editor.name:<{_TOPIC_WIDTH}} {editor.setup}{here}")


def _to_json(findings: list[Finding]) -> dict[str, object]:
    return {
        "is_working": all(finding.level is not Level.BROKEN for finding in findings),
        "findings": [asdict(finding) for finding in findings],
        "editors": [asdict(editor) | {"is_installed": editor.is_installed} for editor in EDITORS],
    }
