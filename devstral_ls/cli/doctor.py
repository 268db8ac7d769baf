"""`devstral-ls doctor`: whether everything works, how fast it is, and how to connect each editor."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from devstral_ls.cli.choices import Model, Provider, Threads, settings_of
from devstral_ls.cli.editor_examination import examine_editor
from devstral_ls.cli.editors import EDITORS, OTHERS, Editor, EditorKey, setup_command
from devstral_ls.cli.examination import Finding, Level, examine
from devstral_ls.cli.findings import TOPIC_WIDTH, draw
from devstral_ls.config import Settings

EXIT_BROKEN = 1


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for other programs.")] = False,
    prove_offline: Annotated[
        bool, typer.Option("--prove-offline", help="Watch a whole conversation instead, and tell what it opened.")
    ] = False,
    editor: Annotated[
        EditorKey | None, typer.Option(help="Check this editor's version and configuration instead.")
    ] = None,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Check the model, the runtime and the speed, and say how to connect each editor.

    The exit code is 1 when something is broken.
    """
    settings = settings_of(model=model, provider=provider, n_threads=threads)
    coming = _coming(settings, editor, prove_offline=prove_offline)
    if as_json:
        findings = list(coming)
        print(json.dumps(_to_json(findings), ensure_ascii=False, indent=2))
    else:
        findings = draw(coming)
        if editor is None and not prove_offline:
            _draw_editors()
    if any(finding.level is Level.BROKEN for finding in findings):
        raise typer.Exit(EXIT_BROKEN)


def _coming(settings: Settings, editor: EditorKey | None, *, prove_offline: bool) -> Iterator[Finding]:
    """What was asked for, found out one by one."""
    if prove_offline:
        from devstral_ls.cli import prove_offline as proof  # noqa: PLC0415  for start-up

        return proof.prove_offline(settings)
    return examine(settings) if editor is None else examine_editor(editor)


def _draw_editors() -> None:
    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up

    console = terminal()
    console.print("\n   [bold]Connect an editor[/]")
    for key, editor in EDITORS.items():
        here = " [dim](found here)[/]" if editor.is_installed else ""
        console.print(f"   {editor.name:<{TOPIC_WIDTH}} {setup_command(key)}{here}")
    console.print(f"   {'another':<{TOPIC_WIDTH}} {OTHERS}")


def _to_json(findings: list[Finding]) -> dict[str, object]:
    return {
        "is_working": all(finding.level is not Level.BROKEN for finding in findings),
        "findings": [asdict(finding) for finding in findings],
        "editors": [_editor_to_json(key, editor) for key, editor in EDITORS.items()],
    }


def _editor_to_json(key: EditorKey, editor: Editor) -> dict[str, object]:
    told = {"name": editor.name, "program": editor.program, "setup": setup_command(key)}
    return told | {"is_installed": editor.is_installed}
