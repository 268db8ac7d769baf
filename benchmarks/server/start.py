"""From starting the process to the reply to initialize, and to the first suggestion; beside an older commit.

python benchmarks/server/start.py [COMMIT]
"""

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from record import record  # noqa: E402 - in benchmarks

from devstral_ls.server.wire import frame, frames  # noqa: E402

N_ROUNDS = 7
URI = "file:///start.py"
UNCOUNTED = {"count_suggestions": False}  # nobody types here
TEXT = "import os\n\n\ndef here():\n    return os."
CLI = [sys.executable, "-m", "devstral_ls", "serve"]
ALONE = [sys.executable, "-c", "from devstral_ls.server import serve; serve()"]


def main() -> None:
    trees = {"now": ROOT}
    if sys.argv[1:]:
        trees[sys.argv[1]] = checkout(sys.argv[1])
    for folder in trees.values():  # as an installation leaves it
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder / "devstral_ls")], check=True)
    times: dict[str, list[tuple[float, float]]] = {}
    for _ in range(N_ROUNDS):
        for tree, folder in trees.items():
            for way, command in (("devstral-ls serve", CLI), ("the server alone", ALONE)):
                times.setdefault(f"{tree}: {way}", []).append(start(command, folder))
    figures = {
        name: {
            "initialized_ms_p50": round(median(each for each, _ in found)),
            "initialized_ms": [round(each) for each, _ in found],
            "first_suggestion_ms_p50": round(median(each for _, each in found)),
        }
        for name, found in times.items()
    }
    print(json.dumps(figures, indent=2))
    print(record("server_start", figures))


def checkout(commit: str) -> Path:
    """The tree of a commit, with this environment's libraries."""
    folder = ROOT / ".bench/start" / commit
    if not folder.exists():
        folder.mkdir(parents=True)
        archive = subprocess.Popen(["git", "-C", str(ROOT), "archive", commit, "devstral_ls"], stdout=subprocess.PIPE)
        assert archive.stdout is not None
        with tarfile.open(fileobj=archive.stdout, mode="r|") as tree:
            tree.extractall(folder, filter="data")
    return folder


def start(command: list[str], tree: Path) -> tuple[float, float]:
    """Milliseconds to the reply to initialize, and to the first answer about a document."""
    start_s = time.perf_counter()
    server = subprocess.Popen(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    replies = frames(server.stdout)
    params = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": UNCOUNTED}
    say(server.stdin, id=1, method="initialize", params=params)
    wait_for(replies, 1)
    initialized_s = time.perf_counter()
    say(server.stdin, method="initialized", params={})
    item = {"uri": URI, "languageId": "python", "version": 1, "text": TEXT}
    say(server.stdin, method="textDocument/didOpen", params={"textDocument": item})
    place = {"line": 4, "character": 14}
    asked = {"textDocument": {"uri": URI}, "position": place, "context": {"triggerKind": 1}}
    say(server.stdin, id=2, method="textDocument/inlineCompletion", params=asked)
    wait_for(replies, 2)
    answered_s = time.perf_counter()
    server.kill()
    server.wait()
    return 1e3 * (initialized_s - start_s), 1e3 * (answered_s - start_s)


def wait_for(messages: Any, message_id: int) -> None:
    while (message := json.loads(next(messages))).get("id") != message_id or "method" in message:
        pass


def say(sink: BinaryIO, **message: Any) -> None:
    sink.write(frame(json.dumps({"jsonrpc": "2.0", **message}).encode()))
    sink.flush()


if __name__ == "__main__":
    main()
