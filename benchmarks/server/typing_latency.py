"""Type a real file through the real server process at 60 keys a second, each with a request, and never cancel.

python benchmarks/server/typing_latency.py [--scripted | --model FOLDER] [--project FOLDER] [--seconds 300] [--rate 60]

With a project the file is a new one in it, whose other files are indexed, learned and repeated.
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from record import percentile, record  # noqa: E402 - in benchmarks

from devstral_ls.server.wire import frame, frames  # noqa: E402

LAST_REPLY_S = 30.0
UNCOUNTED = {"count_suggestions": False}  # nobody types here
SCRIPTED = """
from devstral_ls.engine import scripted_engine
from devstral_ls.server import serve
said = {"return": " value", "import ": "os", "self.": "name", "= ": "None"}
serve(open_engine=lambda settings: scripted_engine(said))
"""
REAL = """
from devstral_ls.config import Settings
from devstral_ls.server import serve
serve(Settings(model=%r, share_engine=False))
"""


def main() -> None:
    given = arguments()
    code = SCRIPTED if given.scripted else REAL % given.model
    server = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert server.stdin is not None
    assert server.stdout is not None
    talk = Talk(server.stdin, given.project.resolve() if given.project else None)
    figures = type_through(talk, server.pid, server.stdout, given.rate, given.seconds)
    figures["exit_code"] = server.wait(LAST_REPLY_S)
    name = "server_typing_scripted" if given.scripted else "server_typing"
    name += "_in_a_project" if given.project else ""
    print(json.dumps(figures, indent=2))
    print(record(name, {"model": "scripted" if given.scripted else given.model or "embedded", **figures}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripted", action="store_true")
    parser.add_argument("--model", default="")
    parser.add_argument("--project", type=Path)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--rate", type=float, default=60.0)
    return parser.parse_args()


@dataclass(frozen=True, slots=True)
class Talk:
    """The editor's side: a file that does not exist yet, in a project or alone."""

    sink: BinaryIO
    project: Path | None

    @property
    def uri(self) -> str:
        return ((self.project or Path("/")) / "typed.py").as_uri()

    def begin(self) -> None:
        root = self.project.as_uri() if self.project else None
        params = {"processId": None, "rootUri": root, "capabilities": {}, "initializationOptions": UNCOUNTED}
        say(self.sink, id="start", method="initialize", params=params)
        say(self.sink, method="initialized", params={})
        document = {"uri": self.uri, "languageId": "python", "version": 1, "text": ""}
        say(self.sink, method="textDocument/didOpen", params={"textDocument": document})

    def change(self, version: int, line: int, column: int, typed: str) -> None:
        position = {"line": line, "character": column}
        edit = {"range": {"start": position, "end": position}, "text": typed}
        document = {"uri": self.uri, "version": version}
        say(self.sink, method="textDocument/didChange", params={"textDocument": document, "contentChanges": [edit]})

    def ask(self, request_id: object, line: int, column: int) -> None:
        position = {"line": line, "character": column}
        params = {"textDocument": {"uri": self.uri}, "position": position, "context": {"triggerKind": 2}}
        say(self.sink, id=request_id, method="textDocument/inlineCompletion", params=params)


def type_through(talk: Talk, pid: int, source: BinaryIO, rate: float, seconds: int) -> dict[str, Any]:
    """Type for so long; latencies from each request to its reply, counts, and the memory of the server."""
    replies: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
    threading.Thread(target=listen, args=(source, replies), daemon=True).start()
    talk.begin()
    warm_up(talk, replies)
    sent_s: dict[int, float] = {}
    memory_mib: list[float] = []
    text = Path(textwrap.__file__).read_text(encoding="utf-8")
    line = column = 0
    start_s = time.perf_counter()
    n_keys = int(rate * seconds)
    for number in range(n_keys):
        typed = text[number % len(text)]
        wait_until(start_s + number / rate)
        talk.change(number + 2, line, column, typed)
        line, column = (line + 1, 0) if typed == "\n" else (line, column + 1)
        sent_s[number] = time.perf_counter()
        talk.ask(number, line, column)
        if number % max(1, n_keys // 20) == 0:
            memory_mib.append(resident_mib(pid))
    memory_mib.append(resident_mib(pid))
    return figures_of(sent_s, collect(replies, n_keys), memory_mib, talk.sink)


def figures_of(
    sent_s: dict[int, float], got: list[tuple[float, dict[str, Any]]], memory_mib: list[float], sink: BinaryIO
) -> dict[str, Any]:
    say(sink, id="end", method="shutdown", params=None)
    say(sink, method="exit", params=None)
    latencies = [1e3 * (at_s - sent_s[reply["id"]]) for at_s, reply in got]
    shown = [reply for _, reply in got if "result" in reply and reply["result"]["items"]]
    return {
        "keys": len(sent_s),
        "replies": len(got),
        "errors": len([reply for _, reply in got if "error" in reply]),
        "with_suggestion": len(shown),
        "ms_p50": round(percentile(latencies, 50), 2),
        "ms_p95": round(percentile(latencies, 95), 2),
        "ms_p99": round(percentile(latencies, 99), 2),
        "ms_max": round(max(latencies), 2),
        "resident_mib": [round(each, 1) for each in memory_mib],
    }


def listen(source: BinaryIO, replies: "queue.Queue[tuple[float, dict[str, Any]]]") -> None:
    for body in frames(source):
        at_s = time.perf_counter()
        message = json.loads(body)
        if "method" not in message:
            replies.put((at_s, message))


def warm_up(talk: Talk, replies: "queue.Queue[tuple[float, dict[str, Any]]]") -> None:
    """Wait until the model has answered once."""
    talk.ask("warm", 0, 0)
    while replies.get(timeout=60)[1]["id"] != "warm":
        pass


def collect(replies: "queue.Queue[tuple[float, dict[str, Any]]]", n_wanted: int) -> list[tuple[float, dict[str, Any]]]:
    got = []
    while len(got) < n_wanted:
        try:
            got.append(replies.get(timeout=LAST_REPLY_S))
        except queue.Empty:
            break
    return got


def say(sink: BinaryIO, **message: Any) -> None:
    sink.write(frame(json.dumps({"jsonrpc": "2.0", **message}).encode()))
    sink.flush()


def wait_until(at_s: float) -> None:
    while (left_s := at_s - time.perf_counter()) > 0:
        time.sleep(left_s)


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    main()
