"""Where each editor keeps its configuration, and what ours would make of it."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.cli import recipes
from devstral_ls.cli.editors import EditorKey
from devstral_ls.errors import UsageError


@dataclass(frozen=True, slots=True)
class Change:
    """One file, as it is and as it should be; `then` is what the user does next."""

    path: Path
    old: str
    new: str
    then: str

    @property
    def is_needed(self) -> bool:
        return self.old != self.new


def change_for(key: EditorKey) -> Change:
    """What must change for the editor to start the program that runs now."""
    return _CHANGES[key](this_program())


def path_of(key: EditorKey) -> Path:
    """The file that the editor reads at its start."""
    return _PATHS[key]()


def this_program() -> str:
    """The program that runs now, by a path that works also in an editor that was not started from this shell."""
    beside = Path(sys.executable).parent / recipes.NAME
    found = str(beside) if beside.exists() else shutil.which(recipes.NAME)
    if found is None:
        raise UsageError(f"there is no program {recipes.NAME} beside {sys.executable} or on the PATH; install it first")
    return found


def _neovim(program: str) -> Change:
    path = _neovim_path()
    new = recipes.neovim(program, str(_editors_folder() / "nvim"))
    then = "Open a Python file in Neovim and type: Tab takes the grey text. `:checkhealth devstral_ls` says how it is"
    return Change(path, _read(path), new, then)


def _helix(program: str) -> Change:
    path = _helix_path()
    old = _read(path)
    then = (
        "Open a Python file in Helix and type, or press Ctrl-x: suggestions are entries of the completion menu, "
        "marked `snippet`. `hx --health python` lists the server"
    )
    return Change(path, old, recipes.helix(old, program), then)


def _vscode(program: str) -> Change:
    path = _vscode_path()
    old = _read(path)
    then = "Now build and install the extension as editors/vscode/README.md says"
    return Change(path, old, recipes.vscode(old, program), then)


def _emacs(program: str) -> Change:
    path = _emacs_path()
    old = _read(path)
    then = "Open a Python file in Emacs; the mode line says `eglot`, and Tab takes the grey text"
    return Change(path, old, recipes.emacs(old, program), then)


_CHANGES: dict[EditorKey, Callable[[str], Change]] = {
    EditorKey.VSCODE: _vscode,
    EditorKey.NVIM: _neovim,
    EditorKey.HELIX: _helix,
    EditorKey.EMACS: _emacs,
}


def _neovim_path() -> Path:
    return _config_folder() / "nvim/plugin/devstral.lua"


def _helix_path() -> Path:
    return _config_folder() / "helix/languages.toml"


def _vscode_path() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Code/User/settings.json"
    return _config_folder() / "Code/User/settings.json"


def _emacs_path() -> Path:
    """The first init file that Emacs would find, or else the one that it would look for."""
    home = _config_folder() if sys.platform == "win32" else Path.home()
    modern = _config_folder() / "emacs/init.el"
    classic = home / ".emacs.d/init.el"
    for path in (home / ".emacs.el", home / ".emacs", classic):
        if path.exists():
            return path
    return modern if modern.parent.is_dir() and not classic.parent.is_dir() else classic


_PATHS: dict[EditorKey, Callable[[], Path]] = {
    EditorKey.VSCODE: _vscode_path,
    EditorKey.NVIM: _neovim_path,
    EditorKey.HELIX: _helix_path,
    EditorKey.EMACS: _emacs_path,
}


def _read(path: Path) -> str:
    """The file's text; a file that is not there has none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} cannot be read as UTF-8 text; use --print") from None


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
