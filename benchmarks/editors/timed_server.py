"""Stands between an editor and the real server, and writes down what suggestions were asked for and answered, and when.

`python timed_server.py LOG`; each line of LOG is a JSON object with `at_s` and the LSP message as `said`.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

sys.path[:0] = [str(Path(__file__).parent.parent.parent)]

from devstral_ls.server.wire import frame, frames  # noqa: E402  of this checkout

ASKS = ("textDocument/inlineCompletion", "textDocument/completion")


def main() -> None:
    with Path(sys.argv[1]).open("a", buffering=1, encoding="utf-8") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "devstral_ls", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        asked: set[object] = set()

        def note(message: dict[str, Any]) -> None:
            if message.get("method") in ASKS:
                asked.add(message["id"])
            elif "method" in message or message.get("id") not in asked:
                return
            log.write(json.dumps({"at_s": time.time(), "said": message}) + "\n")

        threading.Thread(target=pass_on, args=(sys.stdin.buffer, server.stdin, note), daemon=True).start()
        assert server.stdout is not None
        pass_on(server.stdout, sys.stdout.buffer, note)
        sys.exit(server.wait())


def pass_on(source: BinaryIO, sink: BinaryIO, note: Any) -> None:
    """Each message at once; it is noted before it is passed on, so that a question is older than its answer."""
    for body in frames(source):
        note(json.loads(body))
        sink.write(frame(body))
        sink.flush()
    sink.close()


if __name__ == "__main__":
    main()
