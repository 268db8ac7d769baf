"""The recipe in a real Helix: completion, hover, fixes and saving, read off the screen."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editor_fixtures import FIXED, ROOT, SAYS, children, saved, until, wait_for_saved
from terminal import Terminal

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

RECIPE = (ROOT / "editors/helix/languages.toml").read_text()

# What the scripted model says behind `return `.
SUGGESTION = SAYS["    return "]
AFTER_WIDTH = SAYS["return width "]
REFUSED = "Bad language config"
ASK_AGAIN_S = 1.5

Open = Callable[..., Terminal]


@pytest.fixture
def open_editor(terminal_editors: Path, server_folder: Path, tmp_path: Path) -> Iterator[Open]:
    """Open a file in a Helix that knows the recipe and nothing else."""
    editors: list[Terminal] = []

    def open_file(file: Path, *, recipe: str = RECIPE) -> Terminal:
        configuration = tmp_path / "config/helix"
        configuration.mkdir(parents=True)
        (configuration / "languages.toml").write_text(recipe)
        folders = {f"XDG_{name.upper()}_HOME": str(tmp_path / name) for name in ("config", "cache", "data", "state")}
        env = {"PATH": f"{server_folder}:{os.defpath}", "HOME": str(tmp_path)} | folders
        editors.append(
            Terminal([str(terminal_editors / "hx"), str(file)], tmp_path / "tmux", folder=file.parent, env=env)
        )
        return editors[-1]

    yield open_file
    for editor in editors:
        editor.close()


def test_a_suggestion_comes_as_completion(open_editor: Open, project: Path) -> None:
    """Asked for with Ctrl-x, the suggestion stands in the menu, and Tab writes it into the file."""
    editor = open_editor(project / "shapes.py")
    editor.wait_for("perimeter")
    editor.type("geo    return ")
    lead(editor, f"return {SUGGESTION}", {SUGGESTION: ["Tab"], "": ["C-x"]})
    leave_insert_mode(editor)
    command(editor, "write")
    wait_for_saved(project / "shapes.py", f"    return {SUGGESTION}\n", instead=editor.screen)


def test_typing_on_matches_the_suggestion(open_editor: Open, project: Path) -> None:
    """A suggestion begins with the word that is being typed, so that Helix's matcher keeps it."""
    editor = open_editor(project / "shapes.py")
    editor.wait_for("perimeter")
    editor.type("geo    return 2 * (wid")
    lead(editor, f"return {SUGGESTION}", {"width + height": ["Tab"], "": ["BSpace", "d"]})
    leave_insert_mode(editor)
    editor.wait_for(f"return {SUGGESTION}")


def test_columns_after_wide_characters_are_right(open_editor: Open, project: Path) -> None:
    """A suggestion lands at the cursor also behind characters of two and four bytes and of two UTF-16 units."""
    editor = open_editor(project / "shapes.py")
    editor.wait_for("perimeter")
    line = '    label = "😀 漢字é"; return width '
    editor.type(f"geo{line}")
    lead(editor, f"return width {AFTER_WIDTH}", {AFTER_WIDTH: ["Tab"], "": ["C-x"]})
    leave_insert_mode(editor)
    command(editor, "write")
    wait_for_saved(project / "shapes.py", f"{line}{AFTER_WIDTH}\n", instead=editor.screen)


def test_hover_explains(open_editor: Open, project: Path) -> None:
    """Space k on a call says where the function stands."""
    editor = open_editor(project / "loading.py")
    editor.wait_for("jsn")
    search(editor, "s.load")
    lead(editor, "defined in loading.py, line 6", {"": ["Space", "k"]})


def test_a_quick_fix_is_offered_and_applied(open_editor: Open, project: Path) -> None:
    """The fix of an undefined name says that it was verified, and Enter applies it."""
    editor = open_editor(project / "loading.py")
    editor.wait_for("jsn")
    search(editor, "jsn")
    lead(editor, FIXED, {"verified by": ["Enter"], "": ["Space", "a"]})


def test_saving_applies_proven_fixes(open_editor: Open, project: Path) -> None:
    """A Helix that knows code actions on save writes the fixed text."""
    editor = open_editor(
        project / "loading.py", recipe=RECIPE.replace("# code-actions-on-save", "code-actions-on-save")
    )
    until(lambda: any(text in editor.screen() for text in ("NOR", REFUSED)), "Helix", instead=editor.screen)
    if REFUSED in editor.screen():
        pytest.skip("this Helix has no code actions on save")

    def is_saved_fixed() -> bool:
        command(editor, "write")  # again, where the server was not there yet or too slow for the budget of a save
        return FIXED in saved(project / "loading.py")

    until(is_saved_fixed, "the fixed file", instead=editor.screen, poll_s=2)


def test_a_killed_server_comes_back_when_asked(open_editor: Open, project: Path) -> None:
    """After kill -9 of the server Helix goes on without it, and :lsp-restart brings it back."""
    editor = open_editor(project / "loading.py")
    editor.wait_for("jsn")
    search(editor, "s.load")
    lead(editor, "defined in loading.py", {"": ["Space", "k"]})
    until(lambda: "defined in" not in editor.screen() or editor.press("Escape"), "the text alone", poll_s=0.5)
    os.kill(children(editor.pid())[0], signal.SIGKILL)
    command(editor, "lsp-restart")
    lead(editor, "defined in loading.py", {"": ["Space", "k"]})


def search(editor: Terminal, pattern: str) -> None:
    editor.type(f"/{pattern}")
    editor.press("Enter")


def command(editor: Terminal, name: str) -> None:
    editor.type(f":{name}")
    editor.press("Enter")


def leave_insert_mode(editor: Terminal) -> None:
    """Press Escape and wait: read together with the next key, it would be taken for Alt and that key."""
    editor.press("Escape")
    editor.wait_for("NOR")


def lead(editor: Terminal, goal: str, keys: dict[str, list[str]]) -> None:
    """Press what the screen calls for until `goal` is on it: the `keys` of the first text that the screen shows.

    A server that starts, or a busy one, may answer nothing, or too late; then a user asks again too.
    """

    def is_there() -> bool:
        screen = editor.screen()
        if goal in screen:
            return True
        editor.press(*next(pressed for text, pressed in keys.items() if text in screen))
        return False

    until(is_there, repr(goal), instead=editor.screen, poll_s=ASK_AGAIN_S)
