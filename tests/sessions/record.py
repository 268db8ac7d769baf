"""Stand between an editor and the server, with a scripted model, and write down what both say.

The tests of the editors start it in place of the server where this variable names it; paths are absolute there:

    RECORDER="$PWD/.venv/bin/python $PWD/tests/sessions/record.py neovim" pytest -m editor tests/editors/test_neovim.py
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent)]

from devstral_ls.server.wire import frame, frames  # noqa: E402 - of this checkout

SERVER = """
from devstral_ls.engine import scripted_engine
from devstral_ls.server import serve
serve(open_engine=lambda settings: scripted_engine({said!r}))
"""
SAID = {"return 2 * (wid": "th + height)", "return ": "2 * (width + height)"}


def main() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER.format(said=SAID)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
    )
    assert server.stdin is not None
    assert server.stdout is not None
    session = Session(HERE / f"{sys.argv[1]}.jsonl")
    thread = threading.Thread(
        target=pass_on, args=(sys.stdin.buffer, server.stdin, "editor", session.write), daemon=True
    )
    thread.start()
    pass_on(server.stdout, sys.stdout.buffer, "server", session.write)
    sys.exit(server.wait())


class Session:
    """A file with one message a line, written at once, since editors do not always say goodbye."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.write_text("", encoding="utf-8")
        self._root = ""
        self._lock = threading.Lock()

    def write(self, who: str, message: dict[str, Any]) -> None:
        """Add a message, without anything of the machine that it was said on."""
        if message.get("method") == "initialize":
            params = message["params"]
            params["processId"] = None
            folders = params.get("workspaceFolders") or [{"uri": params["rootUri"]}]
            self._root = folders[0]["uri"].removeprefix("file://")
        if message.get("method") == "workspace/didChangeConfiguration":
            ours = (message["params"].get("settings") or {}).get("devstral") or {}
            ours.pop("server", None)  # where the program lies here
        line = json.dumps({"from": who, "message": message}, ensure_ascii=False)
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line.replace(self._root, "/project") + "\n" if self._root else line + "\n")


def pass_on(source: BinaryIO, sink: BinaryIO, who: str, write: Callable[[str, dict[str, Any]], None]) -> None:
    for body in frames(source):
        write(who, json.loads(body))
        sink.write(frame(body))
        sink.flush()
    sink.close()


if __name__ == "__main__":
    main()
