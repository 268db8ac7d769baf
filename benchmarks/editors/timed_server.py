"""Stands between an editor and the real server, and writes down when each question went in and its answer came out.

`python timed_server.py LOG`; each line of LOG is `SECONDS KIND ID`, the kind being `ask`, `shown` or `silent`.
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

ASKED = ("textDocument/inlineCompletion", "textDocument/completion")


def main() -> None:
    with Path(sys.argv[1]).open("a", buffering=1, encoding="utf-8") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "devstral_ls", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        asked: set[object] = set()

        def heard(message: dict[str, Any]) -> None:
            if message.get("method") in ASKED:
                asked.add(message["id"])
                log.write(f"{time.time():.6f} ask {message['id']}\n")

        def said(message: dict[str, Any]) -> None:
            if "method" not in message and message.get("id") in asked:
                log.write(f"{time.time():.6f} {'shown' if has_items(message) else 'silent'} {message['id']}\n")

        threading.Thread(target=pass_on, args=(sys.stdin.buffer, server.stdin, heard), daemon=True).start()
        assert server.stdout is not None
        pass_on(server.stdout, sys.stdout.buffer, said)
        sys.exit(server.wait())


def has_items(message: dict[str, Any]) -> bool:
    result = message.get("result") or {}
    return bool(result["items"] if isinstance(result, dict) else result)


def pass_on(source: BinaryIO, sink: BinaryIO, note: Any) -> None:
    """Each message at once; it is noted before it is passed on, so that a question is older than its answer."""
    for body in frames(source):
        note(json.loads(body))
        sink.write(frame(body))
        sink.flush()
    sink.close()


if __name__ == "__main__":
    main()
