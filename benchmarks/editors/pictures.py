"""Draws the pictures of editors from real ones, with the real server and the embedded model.

python benchmarks/editors/pictures.py [NAME…]      without a name all of them

They go into docs/images; needed is what tests/editors installs. Those of VS Code show the extension of this checkout as
it was built last.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ViewportSize

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent), str(ROOT / "tests/editors")]

from browser import CodeServer, Window  # noqa: E402
from editor_fixtures import CACHE, LOADING, until  # noqa: E402
from latency import HEAD, NAMES  # noqa: E402
from pictures import IMAGES, Frame, Picture, drawn  # noqa: E402
from terminal import Terminal  # noqa: E402

from devstral_ls.cli import recipes  # noqa: E402

COLUMNS, ROWS = 84, 24
START_S = 4
N_KEYS_A_FRAME = 3
KEPT_S = 35  # what is still there after half a minute is counted then
VSIX = ROOT / "editors/vscode/devstral-ls.vsix"
SIZE: ViewportSize = {"width": 940, "height": 470}
PLAIN = {
    "workbench.startupEditor": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.activityBar.location": "hidden",
    "workbench.layoutControl.enabled": False,
    "window.commandCenter": False,
    "breadcrumbs.enabled": False,
    "editor.stickyScroll.enabled": False,
    "editor.minimap.enabled": False,
    "chat.disableAIFeatures": True,  # the icon of another extension
}
SHAPES = '''"""Shapes."""


class Rectangle:
    """A rectangle with two sides."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height


class Box(Rectangle):
    """A rectangle with a depth."""

'''
SUGGESTED = "rectangle = Rectangle(2, 3)"
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
    parser.add_argument("names", nargs="*", choices=[*IN_TERMINALS, *IN_VSCODE, []], default=[])
    names = parser.parse_args().names or [*IN_TERMINALS, *IN_VSCODE]
    for name in names:
        if name in IN_TERMINALS:
            with a_project() as project:
                frames = list(IN_TERMINALS[name](project))
            file = IMAGES / f"{name}.svg"
            file.write_text(drawn(frames, Picture(name, COLUMNS, ROWS)), encoding="utf-8")
            print(f"{file.relative_to(ROOT)}: {len(frames)} frames, {file.stat().st_size >> 10} KiB")
    if in_vscode := [name for name in names if name in IN_VSCODE]:
        with a_project() as project:
            take_in_vscode(in_vscode, project)


@contextmanager
def a_project() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        (project / "pyproject.toml").write_text('[project]\nname = "shapes"\nversion = "1"\n')
        (project / "shapes.py").write_text(SHAPES)
        (project / "loading.py").write_text(LOADING)
        yield project


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


def stats(project: Path) -> Iterator[Frame]:
    """What the terminal says after a minute in Neovim, in which most of what was suggested was taken."""
    file = project / "rectangles.py"
    file.write_text(HEAD)
    editor = neovim(file)
    try:
        editor.press("G")
        for number, name in enumerate(NAMES[:5]):
            editor.press("o")
            editor.type(f"# {name}\nrecta")
            until_shown(editor, SUGGESTED, editor.screen().count(SUGGESTED) + 1)
            if number != 1:
                editor.press("Tab")
                until(lambda: SUGGESTED in line_of_cursor(editor), "the accepted text", instead=editor.screen)
            editor.press("Escape")
            until(lambda: "INSERT" not in editor.screen(), "normal mode", instead=editor.screen)
            editor.press("G", "o", "Escape")
        time.sleep(KEPT_S)
        editor.type(":wq")
        editor.press("Enter")
        folders = home_folders(project.parent / "home")
        shell = f"{shlex.quote(program())} stats; read _"
        reader = Terminal(
            ["sh", "-c", shell], project.parent / "reader", folder=project, env=folders, size=(COLUMNS, ROWS)
        )
        try:
            reader.wait_for("p95 ms")
            yield Frame(shot(reader), 3)
        finally:
            reader.close()
    finally:
        editor.close()


IN_TERMINALS = {"editor-ghost-text": ghost_text, "editor-fix": fix, "editor-hover": hover, "stats": stats}


def take_in_vscode(names: list[str], project: Path) -> None:
    """Each picture in one window."""
    settings = PLAIN | {"devstral.server.path": program()}
    server = CodeServer(CACHE / "vscode", project.parent / "code", [VSIX], settings)
    try:
        window = Window(server.url(project, project / "shapes.py"))
        try:
            window.page.set_viewport_size(SIZE)
            window.wait_for_status("running")
            window.press("Control+b")  # without the list of files
            for name in names:
                IN_VSCODE[name](window, project)
                file = IMAGES / f"{name}.png"
                window.picture(file)
                print(f"{file.relative_to(ROOT)}: {file.stat().st_size >> 10} KiB")
                window.press("Escape")
        finally:
            window.close()
    finally:
        server.close()


def vscode_ghost_text(window: Window, project: Path) -> None:
    window.go_to(project / "shapes.py")
    window.type(TYPED)
    window.press("Enter")
    until(lambda: 2 <= window.text().count("self.height = height"), "two lines", instead=window.text)


def vscode_fix(window: Window, project: Path) -> None:
    window.go_to(project / "loading.py", "jsn")
    fix = window.page.locator(".action-widget .monaco-list-row", has_text="verified by")
    window.insist(lambda: window.press("Control+."), fix)


def vscode_hover(window: Window, project: Path) -> None:
    window.go_to(project / "loading.py", 'load("1")')
    hover = window.page.locator(".monaco-hover", has_text="defined in")
    window.insist(lambda: window.run_command("Show or Focus Hover"), hover)


IN_VSCODE = {"vscode-ghost-text": vscode_ghost_text, "vscode-fix": vscode_fix, "vscode-hover": vscode_hover}


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
    env = {"HOME": str(home), "PATH": os.defpath, "COLORTERM": "truecolor"} | home_folders(home)
    terminal = Terminal(argv, home / "tmux", folder=file.parent, env=env, size=(COLUMNS, ROWS))
    terminal.wait_for('"""')
    time.sleep(START_S)  # the server starts; nobody wants to watch that
    return terminal


def line_of_cursor(editor: Terminal) -> str:
    (column, row), rows = editor.screen_and_cursor()
    return rows[row][:column]


def home_folders(home: Path) -> dict[str, str]:
    return {f"XDG_{name.upper()}_HOME": str(home / name) for name in ("config", "cache", "data", "state")}


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
