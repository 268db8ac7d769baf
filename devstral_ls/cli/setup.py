"""`devstral-ls setup EDITOR`: write an editor's configuration, after showing what changes."""

import difflib
import shutil
from pathlib import Path
from typing import Annotated

import typer

from devstral_ls.cli.configurations import Change, change_for
from devstral_ls.cli.editor_examination import examine_editor
from devstral_ls.cli.editors import EditorKey
from devstral_ls.cli.examination import Level
from devstral_ls.cli.findings import draw
from devstral_ls.errors import UsageError

EXIT_DECLINED = EXIT_BROKEN = 1


def setup(
    editor: Annotated[EditorKey, typer.Argument(help="The editor.", show_default=False)],
    *,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print what would be written, and write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> None:
    """Connect an editor: show the change of its configuration, ask, keep a backup, write, and check that it works.

    The exit code is 1 when the change was declined or something is broken.
    """
    change = change_for(editor)
    if print_only:
        print(change.new, end="")
        return
    if change.is_needed:
        _offer(change, is_agreed=yes)
    else:
        print(f"{change.path} is set up already")
    findings = draw(examine_editor(editor))
    print(f"\n{change.then}")
    if any(finding.level is Level.BROKEN for finding in findings):
        raise typer.Exit(EXIT_BROKEN)


def _offer(change: Change, *, is_agreed: bool) -> None:
    """Show the difference and write it once the user has agreed."""
    print(_difference(change), end="")
    if not (is_agreed or typer.confirm(f"Write {change.path}?", default=False)):
        raise typer.Exit(EXIT_DECLINED)
    backup = _write(change)
    print(f"wrote {change.path}" + (f", the old one is {backup}" if backup else ""))


def _difference(change: Change) -> str:
    old, new = change.old.splitlines(keepends=True), change.new.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, str(change.path), f"{change.path} (new)")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _write(change: Change) -> Path | None:
    """Write the new text; the backup of the old one, where there was one."""
    try:
        change.path.parent.mkdir(parents=True, exist_ok=True)
        backup = _free_name(change.path) if change.path.exists() else None
        if backup is not None:
            shutil.copy2(change.path, backup)
        change.path.write_text(change.new, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{change.path} cannot be written: {error.strerror}; use --print") from None
    return backup


def _free_name(path: Path) -> Path:
    """A name for a backup beside `path` that is not taken."""
    backup = path.with_name(f"{path.name}.bak")
    number = 1
    while backup.exists():
        number += 1
        backup = path.with_name(f"{path.name}.bak{number}")
    return backup
