"""What `doctor --editor` and `setup` look at: the editor's version, its configuration, and a server that starts."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from devstral_ls.cli.configurations import Change, change_for, path_of, this_program
from devstral_ls.cli.editors import EDITORS, VERSION_DEADLINE_S, Editor, EditorKey, setup_command
from devstral_ls.cli.examination import Finding, Level
from devstral_ls.cli.recipes import NAME
from devstral_ls.errors import DevstralError, UsageError

EXTENSION = "devstral-ls.devstral-ls"


def examine_editor(key: EditorKey) -> Iterator[Finding]:
    """All findings about one editor; what is broken keeps it from working at all."""
    editor = EDITORS[key]
    yield _version(editor)
    yield _configuration(key)
    if key is EditorKey.VSCODE and editor.is_installed:
        yield _extension(editor)
    yield _server()


def _version(editor: Editor) -> Finding:
    if not editor.is_installed:
        advice = f"install {editor.name} {_dotted(editor.complete)} or newer"
        return Finding("editor", Level.WARNING, f"there is no program {editor.program} on the PATH", advice)
    version = editor.version()
    if version is None:
        advice = f"{editor.name} {_dotted(editor.oldest)} or newer is needed"
        return Finding("editor", Level.WARNING, f"{editor.program} --version says no version", advice)
    words = f"{editor.name} {_dotted(version)}"
    if version < editor.oldest:
        advice = f"update to {_dotted(editor.complete)} or newer"
        return Finding("editor", Level.BROKEN, f"{words} is too old", advice)
    if version < editor.complete:
        return Finding("editor", Level.WARNING, f"{words}: {editor.lacking}", f"update to {_dotted(editor.complete)}")
    return Finding("editor", Level.GOOD, words)


def _configuration(key: EditorKey) -> Finding:
    """Whether the file that `setup` writes starts this program; who configures elsewhere knows better."""
    try:
        change = change_for(key)
    except UsageError as error:
        return Finding("configured", Level.WARNING, str(error), f"look at {path_of(key)}")
    if not change.is_needed and _names(change, this_program()):
        return Finding("configured", Level.GOOD, f"{change.path} starts {this_program()}")
    if not change.is_needed:
        words = f"{change.path} starts another {NAME} than this one, {this_program()}"
        return Finding("configured", Level.WARNING, words, "change the path there, if this one is meant")
    if "devstral" in change.old:
        words = f"{change.path} names the server, but not as `{setup_command(key)}` would"
        return Finding("configured", Level.WARNING, words, f"{setup_command(key)} shows the difference first")
    return Finding("configured", Level.WARNING, f"nothing about {NAME} in {change.path}", setup_command(key))


def _names(change: Change, program: str) -> bool:
    """Whether the file names `program`, plainly or as a quoted string writes it."""
    return program in change.new or json.dumps(program, ensure_ascii=False) in change.new


def _extension(editor: Editor) -> Finding:
    """VS Code alone needs something installed beside its settings."""
    try:
        listed = subprocess.run(
            [editor.program, "--list-extensions"],
            capture_output=True,
            text=True,
            check=False,
            timeout=VERSION_DEADLINE_S,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        listed = ""
    if EXTENSION in listed.lower().split():
        return Finding("extension", Level.GOOD, f"{EXTENSION} is installed")
    advice = "build and install it as editors/vscode/README.md says"
    return Finding("extension", Level.WARNING, f"{EXTENSION} is not installed", advice)


def _server() -> Finding:
    """Start the server as an editor does, and let it say hello."""
    from devstral_ls.cli.language_client import LanguageClient  # noqa: PLC0415  for start-up

    start_s = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder, LanguageClient([this_program(), "serve"]) as client:
            client.initialize(Path(folder))
            took_ms = 1e3 * (time.perf_counter() - start_s)
    except (DevstralError, OSError) as error:
        return Finding("server", Level.BROKEN, str(error), "devstral-ls doctor")
    return Finding("server", Level.GOOD, f"`{NAME} serve` starts, and answered an editor after {took_ms:.0f} ms")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
