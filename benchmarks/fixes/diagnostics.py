"""How long diagnostics take that nobody asks for, and one look of programs that a user declared.

python benchmarks/fixes/diagnostics.py    needs gcc, node and cargo; 1 minute on a quiet machine

Pushed: a real server and an editor that does not pull; from a change of one character in a module of the standard
library to the diagnostics of that version. The pause of the publisher is part of it, and told beside it.
Declared: `Declared.check` of small programs, as the page on fixes declares them.
"""

import os
import queue
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import json  # noqa: E402 - behind the path, with the others

from record import percentile, record  # noqa: E402

from devstral_ls.checkers import Declared, declarations_of  # noqa: E402
from devstral_ls.server.publisher import PAUSE_S  # noqa: E402
from devstral_ls.server.wire import frame, frames  # noqa: E402
from devstral_ls.text import Document  # noqa: E402

N_CHANGES, N_LOOKS = 20, 7
PATIENCE_S = 30.0
SERVER = """
from devstral_ls.config import Settings
from devstral_ls.engine import scripted_engine
from devstral_ls.server import serve
serve(Settings(diagnostics=True), open_engine=lambda settings: scripted_engine({}))
"""
GCC = {
    "name": "gcc",
    "languages": ["c"],
    "command": ["gcc", "-fsyntax-only", "-I{folder}", "{file}"],
    "pattern": r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<severity>error|warning): (?P<message>.*)$",
}
NODE = {
    "name": "node",
    "languages": ["javascript"],
    "command": ["node", "--check", "{file}"],
    "pattern": r"^(?P<file>/[^:\n]+):(?P<line>\d+)\n(?:.*\n)*?(?P<message>SyntaxError: .*)$",
}
PYTHON = {
    "name": "py_compile",
    "languages": ["python"],
    "command": [sys.executable, "-m", "py_compile", "{file}"],
    "pattern": r"File \"(?P<file>[^\"]+)\", line (?P<line>\d+)\n(?:.*\n){1,2}(?P<message>\w+Error: .*)$",
}
CARGO = {
    "name": "cargo",
    "languages": ["rust"],
    "input": "project",
    "command": ["cargo", "check", "--quiet", "--offline", "--message-format=json"],
    "json": {"file": "message.spans.0.file_name", "line": "message.spans.0.line_start", "message": "message.message"},
}
TEXTS = {
    "c": ("main.c", "#include <stdio.h>\n\nint main(void) { int total = 1; return totl; }\n"),
    "javascript": ("main.js", "const total = [1, 2;\n"),
    "python": ("main.py", "def f(:\n    pass\n"),
    "rust": ("src/main.rs", 'fn main() {\n    let total = 1;\n    println!("{}", totl);\n}\n'),
}
CARGO_TOML = '[package]\nname = "one"\nversion = "0.1.0"\nedition = "2021"\n'


def main() -> None:
    figures: dict[str, Any] = {"pause_ms": PAUSE_S * 1e3, "pushed": pushed()}
    for given in (PYTHON, GCC, NODE, CARGO):
        if shutil.which(given["command"][0]):
            figures[f"declared {given['name']}"] = declared(given)
    print(record("diagnostics", figures).read_text("utf-8"))


def pushed() -> dict[str, Any]:
    """Milliseconds from a change to what is published of it."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            return summary(_change_after_change(server, Path(folder)))
        finally:
            server.kill()
            server.wait()


def _change_after_change(server: "subprocess.Popen[bytes]", folder: Path) -> list[float]:
    heard: queue.Queue[tuple[float, int]] = queue.Queue()
    threading.Thread(target=_listen, args=(server, heard), daemon=True).start()
    text = Path(textwrap.__file__).read_text("utf-8")
    uri = (folder / "wrapped.py").as_uri()
    _say(server, id=1, method="initialize", params={"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
    _say(server, method="initialized", params={})
    document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    _say(server, method="textDocument/didOpen", params={"textDocument": document})
    _wait_for(1, heard)
    times = []
    for version in range(2, N_CHANGES + 2):
        start = {"line": 100, "character": 0}
        change = {"range": {"start": start, "end": start}, "text": "# x\n" if version % 2 else "undefined_name\n"}
        params = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}
        start_s = time.perf_counter()
        _say(server, method="textDocument/didChange", params=params)
        times.append((_wait_for(version, heard) - start_s) * 1e3)
    return times


def _say(server: "subprocess.Popen[bytes]", **message: Any) -> None:
    assert server.stdin is not None
    server.stdin.write(frame(json.dumps({"jsonrpc": "2.0", **message}).encode()))
    server.stdin.flush()


def _listen(server: "subprocess.Popen[bytes]", heard: "queue.Queue[tuple[float, int]]") -> None:
    assert server.stdout is not None
    for body in frames(server.stdout):
        message = json.loads(body)
        if message.get("method") == "textDocument/publishDiagnostics":
            heard.put((time.perf_counter(), message["params"]["version"]))


def _wait_for(version: int, heard: "queue.Queue[tuple[float, int]]") -> float:
    while True:
        at_s, published = heard.get(timeout=PATIENCE_S)
        if published == version:
            return at_s


def declared(given: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of one look at a text with one mistake, the first look left out."""
    (declaration,), problems = declarations_of([{**given, "deadline_ms": 60_000}])
    assert not problems, problems
    language = declaration.languages[0]
    name, text = TEXTS[language]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "src").mkdir()
        (root / name).write_text(text)
        (root / "Cargo.toml").write_text(CARGO_TOML)
        checker = Declared(declaration, root)
        times = []
        for _ in range(N_LOOKS + 1):
            start_s = time.perf_counter()
            found = checker.check(Document((root / name).as_uri(), text, language_id=language, path=name))
            times.append((time.perf_counter() - start_s) * 1e3)
            assert found, f"{declaration.name} sees no mistake"
    return summary(times[1:])


def summary(times_ms: list[float]) -> dict[str, Any]:
    return {
        "n": len(times_ms),
        "ms_p50": round(statistics.median(times_ms), 1),
        "ms_p95": round(percentile(times_ms, 95), 1),
        "ms_max": round(max(times_ms), 1),
    }


if __name__ == "__main__":
    main()
