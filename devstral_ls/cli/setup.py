"""`devstral-ls setup EDITOR`: write an editor's configuration, after showing what changes."""

import difflib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from devstral_ls.cli import recipes
from devstral_ls.errors import UsageError

EXIT_DECLINED = 1


class Editor(StrEnum):
    """The editors that can be set up."""

    VSCODE = "vscode"
    NVIM = "nvim"
    HELIX = "helix"


@dataclass(frozen=True, slots=True)
class Change:
    """One file, as it is and as it should be; `then` is what the user does next."""

    path: Path
    old: str
    new: str
    then: str


def setup(
    editor: Annotated[Editor, typer.Argument(help="The editor.", show_default=False)],
    *,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print what would be written, and write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> None:
    """Connect an editor: show the change of its configuration, ask, keep a backup, write.

    The exit code is 1 when the change was declined.
    """
    change = _CHANGES[editor](_program())
    if print_only:
        print(change.new, end="")
        return
    if change.old == change.new:
        print(f"{change.path} is set up already")
    else:
        _offer(change, is_agreed=yes)
    print(change.then)


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


def _neovim(program: str) -> Change:
    path = _config_folder() / "nvim/plugin/devstral.lua"
    new = recipes.neovim(program, str(_editors_folder() / "nvim"))
    return Change(path, _read(path), new, "Open a Python file in Neovim; `:checkhealth devstral_ls` says how it is")


def _helix(program: str) -> Change:
    path = _config_folder() / "helix/languages.toml"
    old = _read(path)
    return Change(path, old, recipes.helix(old, program), "Open a Python file in Helix; `hx --health python` lists it")


def _vscode(program: str) -> Change:
    path = _vscode_folder() / "User/settings.json"
    old = _read(path)
    then = "Now build and install the extension as editors/vscode/README.md says"
    return Change(path, old, recipes.vscode(old, program), then)


_CHANGES: dict[Editor, Callable[[str], Change]] = {
    Editor.VSCODE: _vscode,
    Editor.NVIM: _neovim,
    Editor.HELIX: _helix,
}


def _read(path: Path) -> str:
    """The file's text; a file that is not there has none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} cannot be read as UTF-8 text; use --print") from None


def _program() -> str:
    """The program that runs now, by a path that works also in an editor that was not started from this shell."""
    beside = Path(sys.executable).parent / recipes.NAME
    found = str(beside) if beside.exists() else shutil.which(recipes.NAME)
    if found is None:
        raise UsageError(f"there is no program {recipes.NAME} beside {sys.executable} or on the PATH; install it first")
    return found


def _editors_folder() -> Path:
    """What editors load: in the installed package, or in a checkout beside it."""
    package = Path(__file__).parent.parent
    packed = package / "editors"
    return packed if packed.is_dir() else package.parent / "editors"


def _config_folder() -> Path:
    """Where this user's terminal programs keep their configuration."""
    if sys.platform == "win32":
        return Path(os.environ["APPDATA"])
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _vscode_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Code"
    return _config_folder() / "Code"
