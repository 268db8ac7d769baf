"""Which editors there are, what each must be able to do, and the command that connects it."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum

VERSION_DEADLINE_S = 20

_VERSION = re.compile(r"\d+(?:\.\d+)+")


class EditorKey(StrEnum):
    """The editors that can be set up and checked, as the command line names them."""

    VSCODE = "vscode"
    NVIM = "nvim"
    HELIX = "helix"
    EMACS = "emacs"


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor and the program that starts it.

    Older than `oldest` it does not work; older than `complete` it works without what `lacking` says.
    """

    name: str
    program: str
    oldest: tuple[int, ...]
    complete: tuple[int, ...]
    lacking: str = ""

    @property
    def is_installed(self) -> bool:
        return shutil.which(self.program) is not None

    def version(self) -> tuple[int, ...] | None:
        """What the installed program says of itself; None when it says nothing that we understand."""
        try:
            said = subprocess.run(
                [self.program, "--version"],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=VERSION_DEADLINE_S,
                stdin=subprocess.DEVNULL,
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return None
        found = _VERSION.search(said)
        return tuple(int(part) for part in found[0].split(".")) if found else None


EDITORS = {
    EditorKey.VSCODE: Editor("VS Code", "code", (1, 91), (1, 91)),
    EditorKey.NVIM: Editor("Neovim", "nvim", (0, 11), (0, 12), "it shows no ghost text"),
    EditorKey.HELIX: Editor("Helix", "hx", (23, 10), (23, 10)),
    EditorKey.EMACS: Editor("Emacs", "emacs", (29,), (30,), "it shows no ghost text, but completes with M-x"),
}
OTHERS = "`devstral-ls serve` speaks LSP on standard input and output"


def setup_command(key: EditorKey) -> str:
    return f"devstral-ls setup {key}"
