"""One keystroke in a 4 MiB file: the whole way of its message through the server, ours against pygls's own store.

Times are of the processor, which other work on the machine does not lengthen: nothing here waits for anything.

python benchmarks/server/keystroke.py
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests/server"), str(ROOT / "benchmarks")]

from fuzzing import Heard, quiet_pygls  # noqa: E402 - in tests/server
from pygls.lsp.server import LanguageServer  # noqa: E402
from record import percentile, record  # noqa: E402 - in benchmarks

from devstral_ls.config import Settings  # noqa: E402
from devstral_ls.server.conversation import Conversation  # noqa: E402

URI = "file:///big.py"
LINE = "    value = compute(alpha, beta, gamma)  # note\n"
SIZE_BYTES = 4 << 20
N_KEYS = {"devstral-ls": 200, "pygls": 3}
N_ROUNDS = 2

Receive = Callable[[dict[str, Any]], object]


async def main() -> None:
    quiet_pygls()
    texts = {
        "many lines": LINE * (SIZE_BYTES // len(LINE)),
        "many lines, not ASCII": LINE.replace("note", "größe 漢字 😀") * (SIZE_BYTES // (len(LINE) + 8)),
        "one line": "x" * SIZE_BYTES,
    }
    figures = {name: measure(text) for name, text in texts.items()}
    print(json.dumps(figures, indent=2))
    print(record("server_keystroke", figures))


def measure(text: str) -> dict[str, Any]:
    """Alternating rounds of both servers, so that a busy machine disturbs both alike."""
    times: dict[str, list[list[float]]] = {"devstral-ls": [], "pygls": []}
    for number in range(N_ROUNDS):
        for name, start in (("devstral-ls", ours), ("pygls", theirs)):
            times[name].append(keystrokes_ms(start(text), text, N_KEYS[name], Random(number)))
    result: dict[str, Any] = {}
    for name, rounds in times.items():
        every = [each for each_round in rounds for each in each_round]
        result[name] = {
            "ms_p50": round(percentile(every, 50), 3),
            "ms_p95": round(percentile(every, 95), 3),
            "ms_p50_of_rounds": [round(median(each), 3) for each in rounds],
        }
    result["times_faster"] = round(result["pygls"]["ms_p50"] / result["devstral-ls"]["ms_p50"], 1)
    return result


def keystrokes_ms(receive: Receive, text: str, n_keys: int, random: Random) -> list[float]:
    """Milliseconds from a keystroke's message, as bytes, to the changed document."""
    n_lines = text.count("\n") + 1
    times = []
    for version in range(2, n_keys + 2):
        line = random.randrange(n_lines)
        column = random.randrange(40) if 1 < n_lines else random.randrange(len(text))
        position = {"line": line, "character": column}
        change = {"range": {"start": position, "end": position}, "text": "x"}
        message = notification("didChange", {"uri": URI, "version": version}, contentChanges=[change])
        start_s = time.thread_time()
        receive(message)
        times.append(1e3 * (time.thread_time() - start_s))
    return times


def ours(text: str) -> Receive:
    conversation = Conversation(Heard(), Settings(), no_engine, stop=print, gone=lambda: None)
    take = lambda message: conversation.receive(json.dumps(message).encode())  # noqa: E731
    return opened(take, text)


def theirs(text: str) -> Receive:
    server = LanguageServer("pygls", "0")
    server.protocol.set_writer(Heard())

    def take(message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        server.protocol.handle_message(json.loads(body, object_hook=server.protocol.structure_message))

    return opened(take, text)


def opened(take: Receive, text: str) -> Receive:
    """`take` after the handshake, with the document open."""
    params = {"processId": None, "rootUri": None, "capabilities": {}}
    take({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    document = {"uri": URI, "languageId": "python", "version": 1, "text": text}
    take(notification("didOpen", document))
    return take


def notification(name: str, document: dict[str, Any], **params: Any) -> dict[str, Any]:
    method = f"textDocument/{name}"
    return {"jsonrpc": "2.0", "method": method, "params": {"textDocument": document, **params}}


def no_engine(_settings: Settings) -> Any:
    raise AssertionError("typing alone loads no model")


if __name__ == "__main__":
    asyncio.run(main())
