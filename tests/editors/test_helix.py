"""The recipe in a real Helix: completion, hover, fixes and saving, read off the screen."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editor_fixtures import FIXED, ROOT, SAYS, until
from terminal import Terminal

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

RECIPE = (ROOT / "editors/helix/languages.toml").read_text()

# What the scripted model says behind `return `.
SUGGESTION = SAYS["    return "]

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
    until(lambda: asked_for(editor, SUGGESTION), "a completion", instead=editor.screen, poll_s=1)
    editor.press("Tab", "Escape")
    editor.type(":write")
    editor.press("Enter")
    until(
        lambda: f"return {SUGGESTION}" in (project / "shapes.py").read_text(), "the saved file", instead=editor.screen
    )


def test_typing_on_matches_the_suggestion(open_editor: Open, project: Path) -> None:
    """A suggestion begins with the word that is being typed, so that Helix's matcher keeps it."""
    editor = open_editor(project / "shapes.py")
    editor.wait_for("perimeter")
    editor.type("geo    return 2 * (wid")
    until(lambda: typed_again(editor, "d", "width + height"), "a completion", instead=editor.screen, poll_s=1)
    editor.press("Tab", "Escape")
    editor.wait_for(f"return {SUGGESTION}")


def test_hover_explains(open_editor: Open, project: Path) -> None:
    """Space k on a call shows the function's signature."""
    editor = open_editor(project / "loading.py")
    editor.wait_for("jsn")
    search(editor, r"load\(.1")
    until(lambda: pressed(editor, "k", "load(text: str)"), "the hover", instead=editor.screen, poll_s=2)


def test_a_quick_fix_is_offered_and_applied(open_editor: Open, project: Path) -> None:
    """The fix of an undefined name says that it was verified, and Enter applies it."""
    editor = open_editor(project / "loading.py")
    editor.wait_for("jsn")
    search(editor, "jsn")
    until(lambda: pressed(editor, "a", "verified"), "the fix", instead=editor.screen, poll_s=3)
    editor.press("Enter")
    editor.wait_for(FIXED)


def test_saving_applies_proven_fixes(open_editor: Open, project: Path) -> None:
    """A Helix that knows code actions on save writes the fixed text."""
    editor = open_editor(
        project / "loading.py", recipe=RECIPE.replace("# code-actions-on-save", "code-actions-on-save")
    )
    if "Bad language config" in editor.wait_for("NOR"):
        pytest.skip("this Helix has no code actions on save")

    def saved_fixed() -> bool:
        editor.type(":write")  # again, where the server was not there yet or too slow for the budget of a save
        editor.press("Enter")
        return FIXED in (project / "loading.py").read_text()

    until(saved_fixed, "the fixed file", instead=editor.screen, poll_s=2)


def search(editor: Terminal, pattern: str) -> None:
    editor.type(f"/{pattern}")
    editor.press("Enter")


def pressed(editor: Terminal, key: str, text: str) -> bool:
    """Whether the screen shows what Space and `key` ask for; they are pressed anew as long as it does not."""
    if text in editor.screen():
        return True
    editor.press("Space", key)
    return False


def asked_for(editor: Terminal, suggestion: str) -> bool:
    """Whether the menu shows the suggestion; it is asked for anew as long as it does not."""
    if suggestion in editor.screen():
        return True
    editor.press("C-x")
    return False


def typed_again(editor: Terminal, last: str, suggestion: str) -> bool:
    """Whether the menu shows the suggestion; the last character is typed anew as long as it does not.

    The server answers a menu within 200 ms or not at all, and a busy machine may need longer for the first time.
    """
    if suggestion in editor.screen():
        return True
    editor.press("BSpace")
    editor.type(last)
    return False
