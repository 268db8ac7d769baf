"""From an empty VS Code with the extension to the first suggestion: how long a newcomer waits, and for what.

python benchmarks/editors/first_run.py

VS Code is code-server in Chromium, as in tests/editors; no server is on its PATH. The question to install one is
answered with a click; its packages come from wherever pip gets them, so the network is part of the figure.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent), str(ROOT / "tests/editors")]

from browser import CodeServer, Window  # noqa: E402
from editor_fixtures import CACHE, run_to_end, until  # noqa: E402
from record import record  # noqa: E402

PREFIX = CACHE / "vscode"
VSIX = ROOT / "editors/vscode/devstral-ls.vsix"
INSTALL_DEADLINE_S = 900
TEXT = """\
import json


def load(path):
    with open(path) as file:
        return json.load(file)


def save(path, data):
"""
TYPED = '    with open(path, "w") as '
QUIET = {"workbench.startupEditor": "none", "workbench.secondarySideBar.defaultVisibility": "hidden"}


def main() -> None:
    run_to_end(["bash", str(ROOT / "tests/editors/install/vsix.sh"), str(PREFIX)], deadline_s=INSTALL_DEADLINE_S)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PATH"] = path_without_a_server(Path(folder))
        figures = first_run(Path(folder).resolve())
    print(figures)
    print(record("vscode_first_run", figures))


def path_without_a_server(folder: Path) -> str:
    """The PATH of somebody who has Python 3.11 or newer and has never heard of us."""
    kept = [each for each in os.environ["PATH"].split(os.pathsep) if shutil.which("devstral-ls", path=each) is None]
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
    return os.pathsep.join([str(folder / "bin"), *kept])


def first_run(folder: Path) -> dict[str, object]:
    """Seconds from opening the window; the extension is installed before, as from a marketplace."""
    project = folder / "project"
    project.mkdir()
    (project / "data.py").write_text(TEXT, "utf-8")
    server = CodeServer(PREFIX, folder / "home", [VSIX], QUIET)
    start_s = time.monotonic()
    window = Window(server.url(project, project / "data.py"))
    try:
        install = window.notification_button("Install")
        window.wait_for(install)
        asked_s = time.monotonic() - start_s
        install.first.click()
        until(lambda: "running" in window.status_text(), "a running server", deadline_s=INSTALL_DEADLINE_S)
        running_s = time.monotonic() - start_s
        window.go_to(project / "data.py")
        window.type(TYPED)
        until(window.ghost_text, "ghost text", instead=window.text)
        shown_s = time.monotonic() - start_s
        suggestion = window.ghost_text()
    finally:
        window.close()
        server.close()
    found = {"asked_s": asked_s, "running_s": running_s, "first_suggestion_s": shown_s}
    return {**{name: round(value, 1) for name, value in found.items()}, "typed": TYPED, "suggestion": suggestion}


if __name__ == "__main__":
    main()
