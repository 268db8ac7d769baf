"""How each editor is told about the server; shown by `doctor`."""

import shutil
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor, the program that starts it, and the command that connects it."""

    name: str
    program: str
    setup: str

    @property
    def is_installed(self) -> bool:
        return shutil.which(self.program) is not None


EDITORS = (
    Editor("VS Code", "code", "devstral-ls setup vscode"),
    Editor("Neovim 0.12", "nvim", "devstral-ls setup nvim"),
    Editor("Helix", "hx", "devstral-ls setup helix"),
    Editor("another", "", "`devstral-ls serve` speaks LSP on standard input and output"),
)
