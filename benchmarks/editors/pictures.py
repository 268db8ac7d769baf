"""Draws the pictures of editors in a terminal from real ones, with the real server and the embedded model.

python benchmarks/editors/pictures.py [ghost-text fix hover]

They go into docs/images; needed is what tests/editors installs.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent), str(ROOT / "tests/editors")]

from editor_fixtures import CACHE, LOADING, until  # noqa: E402
from pictures import IMAGES, Frame, Picture, drawn  # noqa: E402
from terminal import Terminal  # noqa: E402

from devstral_ls.cli import recipes  # noqa: E402

COLUMNS, ROWS = 84, 24
START_S = 4
N_KEYS_A_FRAME = 3
SHAPES = '''"""Shapes."""


class Rectangle:
    """A rectangle with two sides."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height


class Box(Rectangle):
    """A rectangle with a depth."""

'''
TYPED = "    def __init__(self, width: float, height: float, depth: float) -> None:"
LOOK = """
vim.o.termguicolors = true
vim.o.winborder = 'rounded'
vim.o.laststatus = 0
vim.o.ruler = false
for _, group in ipairs({ 'Normal', 'NormalFloat', 'FloatBorder' }) do
  vim.api.nvim_set_hl(0, group, { bg = 'NONE' })
end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], default=[])
    for name in parser.parse_args().names or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "project"
            project.mkdir()
            (project / "pyproject.toml").write_text('[project]\nname = "shapes"\nversion = "1"\n')
            (project / "shapes.py").write_text(SHAPES)
            (project / "loading.py").write_text(LOADING)
            frames = list(PICTURES[name](project))
        file = IMAGES / f"editor-{name}.svg"
        file.write_text(drawn(frames, Picture(name, COLUMNS, ROWS)), encoding="utf-8")
        print(f"{file.relative_to(ROOT)}: {len(frames)} frames, {file.stat().st_size >> 10} KiB")


def ghost_text(project: Path) -> Iterator[Frame]:
    """In Neovim: a line that is typed, the two that are suggested, and Tab."""
    editor = neovim(project / "shapes.py")
    try:
        editor.press("G", "o")
        for start in range(0, len(TYPED), N_KEYS_A_FRAME):
            editor.type(TYPED[start : start + N_KEYS_A_FRAME])
            yield Frame(shot(editor), 0.18)
        editor.press("Enter")
        yield Frame(until_shown(editor, "self.width = width", 2), 3)
        editor.press("Tab")
        time.sleep(1)
        yield Frame(shot(editor), 3)
    finally:
        editor.close()


def fix(project: Path) -> Iterator[Frame]:
    """In Helix: the menu of fixes at a misspelt name."""
    editor = helix(project / "loading.py")
    try:
        editor.type("/jsn")
        editor.press("Enter")
        time.sleep(1)
        editor.press("Space", "a")
        yield Frame(until_shown(editor, "verified by", 1), 3)
    finally:
        editor.close()


def hover(project: Path) -> Iterator[Frame]:
    """In Neovim: K on a call."""
    editor = neovim(project / "loading.py")
    try:
        editor.press("G", "0", "f", "l", "K")
        yield Frame(until_shown(editor, "defined in", 1), 3)
    finally:
        editor.close()


PICTURES = {"ghost-text": ghost_text, "fix": fix, "hover": hover}


def neovim(file: Path) -> Terminal:
    script = file.parent.parent / "init.lua"
    script.write_text(recipes.neovim(program(), str(ROOT / "editors/nvim")) + LOOK)
    return opened([str(CACHE / "terminal/bin/nvim"), "--clean", "-u", str(script), file.name], file)


def helix(file: Path) -> Terminal:
    configuration = file.parent.parent / "home/config/helix/languages.toml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(recipes.helix("", program()))
    return opened([str(CACHE / "terminal/bin/hx"), file.name], file)


def opened(argv: list[str], file: Path) -> Terminal:
    """An editor in a home of the project's own."""
    home = file.parent.parent / "home"
    home.mkdir(exist_ok=True)
    folders = {f"XDG_{name.upper()}_HOME": str(home / name) for name in ("config", "cache", "data", "state")}
    env = {"HOME": str(home), "PATH": os.defpath, "COLORTERM": "truecolor"} | folders
    terminal = Terminal(argv, home / "tmux", folder=file.parent, env=env, size=(COLUMNS, ROWS))
    terminal.wait_for('"""')
    time.sleep(START_S)  # the server starts; nobody wants to watch that
    return terminal


def program() -> str:
    return str(Path(sys.executable).parent / "devstral-ls")


def until_shown(editor: Terminal, text: str, n_times: int) -> str:
    """The screen, once `text` stands on it so often."""
    until(lambda: n_times <= editor.screen().count(text), text, instead=editor.screen)
    time.sleep(1)
    return shot(editor)


def shot(editor: Terminal) -> str:
    return editor.screen_with_colours()


if __name__ == "__main__":
    main()
