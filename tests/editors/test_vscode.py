"""The extension in a real VS Code: what a user types, sees, accepts and saves, in one window."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import ASK_AGAIN_S, BROWSERS, CodeServer, Window, browser
from editor_fixtures import (
    FIXED,
    HERE,
    LOADING,
    ROOT,
    SAYS,
    SHAPES,
    installed,
    run_to_end,
    saved,
    until,
    wait_for_saved,
)
from hostile import answers, on_stage
from leash import command_line

pytestmark = [pytest.mark.editor, pytest.mark.timeout(600)]

VSIX = ROOT / "editors/vscode/devstral-ls.vsix"
BUILD_DEADLINE_S = 300
QUIET = {
    "editor.stickyScroll.enabled": False,  # its lines may lie over the light bulb
    "editor.quickSuggestions": {"other": "off"},  # a menu of words that opens late would take the Tab
    "workbench.startupEditor": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.commandCenter.enabled": False,
    "editor.minimap.enabled": False,
    "terminal.integrated.gpuAcceleration": "off",  # so that a terminal's text is in the page
}
SUGGESTION, AFTER_WIDTH = SAYS["    return "], SAYS["return width "]
FIX_ON_SAVE = {"editor.codeActionsOnSave": {"source.fixAll.devstral": "explicit"}}


@pytest.fixture(scope="module")
def vscode() -> Path:
    """The folder with code-server; the VSIX of this checkout is built with its Node.js."""
    if browser() is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on the PATH; apt-get install chromium")
    prefix = installed("vscode.sh", "vscode", "node_modules/code-server/lib/vscode/node_modules")
    run_to_end(["bash", str(HERE / "install/vsix.sh"), str(prefix)], deadline_s=BUILD_DEADLINE_S)
    return prefix


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the window shows; each test has a file of its own."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("whole", "word", "wide", "timed", "killed"):
        (folder / f"{name}.py").write_text(SHAPES, encoding="utf-8")
    (folder / "defines.py").write_text("def area(side):\n    return side * side\n")
    (folder / "calls.py").write_text("from defines import area\n\nprint(area(2))\n")
    for name in ("bulb", "saved", "hovered"):
        (folder / f"{name}.py").write_text(LOADING)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What VS Code writes, and the pictures of its window unless they are wanted elsewhere."""
    return tmp_path_factory.mktemp("vscode")


@pytest.fixture(scope="module")
def code_server(vscode: Path, server_folder: Path, home: Path) -> Iterator[CodeServer]:
    """A VS Code with the extension, and the server of this checkout."""
    settings: dict[str, Any] = QUIET | FIX_ON_SAVE | {"devstral.server.path": str(server_folder / "devstral-ls")}
    server = CodeServer(vscode, home, [VSIX], settings)
    yield server
    server.close()


@pytest.fixture(scope="module")
def window(code_server: CodeServer, folder: Path) -> Iterator[Window]:
    """A window with the extension and its server running."""
    window = Window(code_server.url(folder, folder / "whole.py"))
    try:
        window.wait_for_status("running")
        yield window
    finally:
        window.close()


RemoteCommand = Callable[..., None]


@pytest.fixture
def remote_command(server_folder: Path, folder: Path) -> Iterator[RemoteCommand]:
    """`devstral-ls remote …` as the user of this VS Code would run it; afterwards no server is chosen."""

    def run(*words: str) -> None:
        run_to_end([str(server_folder / "devstral-ls"), "remote", *words])

    yield run
    run("off")


@pytest.fixture(autouse=True)
def picture(window: Window, home: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """The window as each test leaves it."""
    yield
    name = request.node.name.removeprefix("test_")
    window.picture(Path(os.environ.get("EDITOR_PICTURES", home)) / f"vscode-{name}.png")


def test_typing_shows_ghost_text_that_tab_accepts(window: Window, folder: Path) -> None:
    """What the ghost text says is what the saved file holds after Tab."""
    window.go_to(folder / "whole.py")
    window.type("    return 2 * (width ")
    window.wait_for_ghost_text("+ height")
    window.press("Tab", "Control+s")
    wait_for_saved(folder / "whole.py", f"    return {SUGGESTION}", instead=window.text)


def test_a_word_can_be_accepted(window: Window, folder: Path) -> None:
    """Control and the right arrow take the next word of the ghost text, and leave the rest."""
    word, rest = SUGGESTION[:1], SUGGESTION[1:]
    window.go_to(folder / "word.py")
    window.type("    return ")
    window.wait_for_ghost_text(SUGGESTION)
    window.press("Control+ArrowRight")
    window.wait_for_ghost_text(rest)
    window.press("Control+s")
    wait_for_saved(folder / "word.py", f"    return {word}", instead=window.text)
    assert saved(folder / "word.py").endswith(f"    return {word}")


def test_columns_after_wide_characters_are_right(window: Window, folder: Path) -> None:
    """A suggestion lands at the cursor also behind characters of two and four bytes and of two UTF-16 units."""
    line = '    label = "😀 漢字é"; return width '
    window.go_to(folder / "wide.py")
    window.page.keyboard.insert_text(line[:-1])
    window.type(" ")
    window.wait_for_ghost_text(AFTER_WIDTH)
    window.press("Tab", "Control+s")
    wait_for_saved(folder / "wide.py", line + AFTER_WIDTH, instead=window.text)


def test_the_light_bulb_offers_a_verified_fix(window: Window, folder: Path) -> None:
    """The light bulb of an undefined name offers a fix that says that it was verified, and a click applies it."""
    window.go_to(folder / "bulb.py", "jsn")
    bulb = window.page.locator(".lightBulbWidget")
    fix = window.page.locator(".action-widget .monaco-list-row", has_text="verified by").first

    def is_fixed() -> bool:
        if FIXED in window.text():
            return True
        if fix.is_visible():
            window.click(fix)
        else:
            window.press("Escape")  # a menu that came before the fix, or a hover, which may lie over the light bulb
            window.click(bulb)
        return False

    until(is_fixed, "the fixed line", instead=window.text, poll_s=ASK_AGAIN_S)


def test_saving_applies_proven_fixes(window: Window, folder: Path) -> None:
    """With code actions on save for `source.fixAll.devstral`, the file is saved fixed."""
    window.go_to(folder / "saved.py")

    def is_saved_fixed() -> bool:
        window.press("Enter", "Control+s")  # again, where the first time was too slow for the budget of a save
        return FIXED in saved(folder / "saved.py")

    until(is_saved_fixed, "the fixed file", instead=window.text, poll_s=2)


def test_hover_explains(window: Window, folder: Path) -> None:
    """The hover of a call shows the function's signature."""
    window.go_to(folder / "hovered.py", "load(")
    hover = window.page.locator(".monaco-hover", has_text=re.compile(r"load\(text:.str\)"))
    window.insist(lambda: window.run_command("Show or Focus Hover"), hover)


def test_the_status_bar_says_how_fast_the_last_answer_was(window: Window, folder: Path) -> None:
    """After a suggestion the status bar knows its latency, and a click on it opens the menu."""
    window.go_to(folder / "timed.py")
    window.type("    return ")
    window.wait_for_ghost_text(SUGGESTION)
    window.wait_for_status(r"running, .*last answer in \d+ ms")
    window.status().click()
    row = window.page.locator(".quick-input-list .monaco-list-row", has_text="Check the installation")
    window.wait_for(row)
    window.press("Escape")
    until(lambda: not row.is_visible(), "a closed menu", instead=window.text)


def test_the_menu_shows_what_the_model_would_see(window: Window, folder: Path) -> None:
    """The command runs the program on the saved file, and its words stay when it has ended."""
    window.go_to(folder / "hovered.py", "load(")
    window.run_command("devstral: Show what the model would see here (context)")
    window.wait_for(window.terminal(r"marked as private by its author[^$]*Press any key"))


def test_the_menu_shows_what_became_of_suggestions(window: Window) -> None:
    """The command shows the counts that the server of this window made, or that there are none yet."""
    window.run_command("devstral: Show what became of suggestions (stats)")
    window.wait_for(window.terminal(r"(no suggestions|mean tokens)[^$]*Press any key"))


def test_the_client_is_kept_compiled(window: Window, home: Path) -> None:
    """The next window need not compile the language client again."""
    kept = home / "data/User/globalStorage/devstral-ls.devstral-ls/compiled"
    until(lambda: list(kept.glob("*.v8")), "the compiled client", instead=window.text)


def test_files_change_together_after_a_look(window: Window, folder: Path, remote_command: RemoteCommand) -> None:
    """Words, files and a model are asked for, the preview is shown, and what was looked at is applied to all files."""
    renamed = "".join(
        f"{name}.py\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
        for name, old, new in (
            ("defines", "def area(side):", "def surface(side):"),
            ("calls", "from defines import area\n\nprint(area(2))", "from defines import surface\n\nprint(surface(2))"),
        )
    )
    with on_stage(answers(renamed)) as stage:
        remote_command("use", stage.url, "--model", "big")
        remote_command("allow", str(folder))
        window.run_command("View: Close All Editors")
        for name in ("defines", "calls"):
            window.go_to(folder / f"{name}.py")
        window.run_command("devstral: Change several files as asked")
        window.answer("rename area to surface")
        window.answer("", "2 Selected")
        window.choose("remote", "By the remote model")
        window.wait_for(window.page.locator(".multi-diff-root, .multiDiffEditor", has_text="surface"))
        window.picture(Path(os.environ.get("EDITOR_PICTURES", folder.parent)) / "vscode-refactor.png")
        assert "def area" in saved(folder / "defines.py")
        button = window.notification_button("Apply to all files")
        window.wait_for(button)
        button.first.click()
        window.run_command("File: Save All Files")
    wait_for_saved(folder / "defines.py", "def surface(side):", instead=window.text)
    wait_for_saved(folder / "calls.py", "print(surface(2))", instead=window.text)


def test_a_killed_server_comes_back(window: Window, code_server: CodeServer, folder: Path) -> None:
    """After kill -9 of the server a new one gives the next suggestion."""
    first = servers(code_server)
    assert 1 == len(first)
    os.kill(first[0], signal.SIGKILL)
    until(lambda: servers(code_server) not in ([], first), "a second server", instead=window.status_text)
    window.go_to(folder / "killed.py")
    window.type("    return ")
    window.wait_for_ghost_text(SUGGESTION)


def test_the_walkthrough_knows_that_the_server_runs(window: Window) -> None:
    """The first steps are one command away, and the one about the server is done."""
    window.run_command("Welcome: Open Walkthrough")
    window.choose("Start with devstral-ls", "Start with devstral-ls")
    window.wait_for(window.page.locator(".getting-started-step", has_text="Type, and press Tab"))
    running = window.page.locator(".getting-started-step", has_text="The server is installed")
    window.wait_for(running.locator(".codicon-getting-started-step-checked"))


def test_a_workspace_that_is_not_trusted_gets_suggestions_and_nothing_else(
    window: Window, vscode: Path, server_folder: Path, tmp_path: Path
) -> None:
    """In VS Code's restricted mode the user's server completes, and what the workspace names is not started."""
    project, started = tmp_path / "project", tmp_path / "started"
    (project / ".vscode").mkdir(parents=True)
    (project / "whole.py").write_text(SHAPES, encoding="utf-8")
    program = project / "devstral-ls"
    program.write_text(f"#!/bin/sh\ntouch {started}\n")
    program.chmod(0o755)
    (project / ".vscode/settings.json").write_text(json.dumps({"devstral.server.path": str(program)}))
    trust = {f"security.workspace.trust.{name}": "never" for name in ("startupPrompt", "banner")}
    settings = QUIET | trust | {"devstral.server.path": str(server_folder / "devstral-ls")}
    server = CodeServer(vscode, tmp_path / "home", [VSIX], settings, is_trusting=False)
    try:
        restricted = Window(server.url(project, project / "whole.py"), beside=window)
        try:
            restricted.wait_for_status("running")
            restricted.wait_for(restricted.page.locator(".statusbar-item", has_text="Restricted Mode"))
            restricted.go_to(project / "whole.py")
            restricted.type("    return ")
            restricted.wait_for_ghost_text(SUGGESTION)
        finally:
            restricted.close()
    finally:
        server.close()
    assert not started.exists()


def servers(code_server: CodeServer) -> list[int]:
    """The processes of our server that this VS Code has started."""
    return [pid for pid in code_server.processes() if "scripted_server" in command_line(pid)]
