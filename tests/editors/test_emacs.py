"""The recipe in a real Emacs on a terminal: eglot with ghost text, documentation and fixes; lsp-mode beside others."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editor_fixtures import FIXED, ROOT, SAYS, saved, until, wait_for_saved
from terminal import Terminal

from devstral_ls.cli import recipes

pytestmark = [pytest.mark.editor, pytest.mark.timeout(400)]

# What the scripted model says behind `return `.
SUGGESTION = SAYS["    return "]
AFTER_WIDTH = SAYS["return width "]
ASK_AGAIN_S = 1.5
PAGE = (ROOT / "editors/README.md").read_text(encoding="utf-8")
LSP_MODE = PAGE[PAGE.index("(with-eval-after-load 'lsp-mode") :].split("```", maxsplit=1)[0]
USE_LSP_MODE = """
(require 'lsp-mode)
(require 'lsp-inline-completion)
(setq lsp-auto-guess-root t)
(add-hook 'python-mode-hook #'lsp)
"""

Open = Callable[..., Terminal]


@pytest.fixture
def open_editor(emacs: Path, server_folder: Path, tmp_path: Path) -> Iterator[Open]:
    """Open a file in an Emacs that has what `devstral-ls setup emacs` writes, or another init file."""
    editors: list[Terminal] = []
    eglot = recipes.emacs("", str(server_folder / "devstral-ls"))

    def open_file(file: Path, *, init: str = eglot) -> Terminal:
        (tmp_path / ".emacs").write_text(init)
        env = {"PATH": f"{server_folder}:{os.defpath}", "HOME": str(tmp_path)}
        editors.append(Terminal([str(emacs), "-nw", str(file)], tmp_path / "tmux", folder=file.parent, env=env))
        return editors[-1]

    yield open_file
    for editor in editors:
        editor.close()


def test_typing_shows_ghost_text_that_tab_accepts(open_editor: Open, project: Path) -> None:
    """What stands in grey behind the cursor is what the saved file holds after Tab."""
    editor = open_editor(project / "shapes.py")
    editor.wait_for("Connected")
    editor.press("M->")
    editor.type("    return 2 * (wid")
    insist(editor, f"return {SUGGESTION}", "BSpace", "d")
    editor.press("Tab", "C-x", "C-s")
    wait_for_saved(project / "shapes.py", f"    return {SUGGESTION}", instead=editor.screen)


def test_columns_after_wide_characters_are_right(open_editor: Open, project: Path) -> None:
    """Completion lands at the cursor also behind characters of two and four bytes and of two UTF-16 units."""
    editor = open_editor(project / "shapes.py")
    editor.wait_for("Connected")
    line = '    label = "😀 漢字é"; return width '
    editor.press("M->")
    editor.type(line)
    insist(editor, f"return width {AFTER_WIDTH}", "BSpace", "Space")
    editor.press("Tab", "C-x", "C-s")
    wait_for_saved(project / "shapes.py", f"{line}{AFTER_WIDTH}", instead=editor.screen)


def test_documentation_explains(open_editor: Open, project: Path) -> None:
    """On a call, eldoc shows the function's signature and says where it stands."""
    editor = open_editor(project / "loading.py")
    editor.wait_for("Connected")
    go_to(editor, "dumps(load")
    insist(editor, "defined in loading.py, line 6", "C-h", ".")
    assert "load(text: str) -> object" in editor.screen()


def test_a_quick_fix_is_offered_and_applied(open_editor: Open, project: Path) -> None:
    """The fix of an undefined name says that it was verified, and Enter applies it."""
    editor = open_editor(project / "loading.py")
    editor.wait_for("Connected")
    go_to(editor, "jsn")
    offer_fixes(editor)
    editor.press("Enter")
    editor.wait_for(FIXED)


def test_saving_applies_proven_fixes(open_editor: Open, project: Path, server_folder: Path) -> None:
    """With the commented line of the recipe, C-x C-s writes the fixed text."""
    recipe = recipes.emacs("", str(server_folder / "devstral-ls"))
    editor = open_editor(project / "loading.py", init=recipe.replace(";; (add-hook", "(add-hook"))
    editor.wait_for("Connected")

    def is_saved_fixed() -> bool:
        editor.press("M->", "Enter", "C-x", "C-s")  # again, where the first time was too slow
        return FIXED in saved(project / "loading.py")

    until(is_saved_fixed, "the fixed file", instead=editor.screen, poll_s=2)


def test_lsp_mode_shows_ghost_text(open_editor: Open, project: Path) -> None:
    """With the lines of editors/README.md, lsp-mode shows the suggestion when it is asked for."""
    editor = open_editor(project / "shapes.py", init=f"{LSP_MODE}\n{USE_LSP_MODE}")
    editor.wait_for("LSP[devstral-ls")
    editor.press("M->")
    editor.type("    return ")
    insist(editor, SUGGESTION, "M-x", text="lsp-inline-completion-display\n")


def go_to(editor: Terminal, text: str) -> None:
    """Put the cursor behind the first `text`."""
    editor.press("M-<", "C-s")
    editor.type(text)
    editor.press("Enter")


def offer_fixes(editor: Terminal) -> None:
    """Ask for the fixes at the cursor until one is proven: a server that starts may have none yet."""
    insist(editor, "verified by", "M-x", text="eglot-code-actions\n")


def insist(editor: Terminal, goal: str, *keys: str, text: str = "") -> None:
    """Press `keys` and type `text` until `goal` is on the screen."""

    def is_there() -> bool:
        if goal in editor.screen().replace("\\\n", ""):
            return True
        editor.press(*keys)
        editor.type(text)
        return False

    until(is_there, repr(goal), instead=editor.screen, poll_s=ASK_AGAIN_S)
