"""Random conversations with the server, each made from one number and judged by rules that need no second server."""

import asyncio
import io
import json
import logging
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

import devstral_ls.server.assembly  # noqa: F401 - so that each conversation begins alike
from devstral_ls.config import Settings
from devstral_ls.engine.engine import Engine
from devstral_ls.server.conversation import Conversation
from devstral_ls.server.wire import frame, frames

PATIENCE_S = 20.0
URIS = ("file:///a.py", "untitled:b", "cell:c", "cell:d")
TEXTS = ("", "import ", "x = 1\r\ny = ", "def f(a):\n    return", "é😀\u2028\x0c\r", "x" * 300)
NOTEBOOK = "file:///n.ipynb"
JUNK: tuple[Any, ...] = (None, True, -1, 0, 3, 2**31, 2**63, 1e300, "", "x", "\ud800", [], [[]], {}, {"uri": 1})
TURNS = ("initialize", "shutdown")
NOT_INITIALIZED, INVALID_REQUEST, CANCELLED = -32002, -32600, -32800

Message = dict[str, Any]


@dataclass
class Heard:
    """What the server wrote, and what it logged as a crash."""

    replies: list[Message] = field(default_factory=list)
    questions: list[Message] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        for body in frames(io.BytesIO(data)):
            message = json.loads(body)
            if "method" not in message:
                self.replies.append(message)
            elif "id" in message:
                self.questions.append(message)

    def close(self) -> None:
        """Part of a writer's face."""


class Crashes(logging.Handler):
    """Errors in our log mean that something was raised which should not have been."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        self._found.append(record.getMessage())


async def converse(seed: int, engine: Engine) -> list[str]:
    """One random conversation; what was wrong with it, best read together with its seed."""
    random = Random(seed)
    heard = Heard()
    sent: list[Message] = []
    with_log = Crashes(heard.crashes)
    logging.getLogger("devstral_ls").addHandler(with_log)
    try:
        conversation = connect(heard, engine)
        for _ in range(random.randint(1, 24)):
            message = random_message(random, sent, heard.questions)
            sent.append(message)
            conversation.receive(json.dumps(message).encode())
            if heard.exit_codes:
                break
            for _ in range(random.choice((0, 0, 0, 1, 4))):
                await asyncio.sleep(0)
        await asyncio.wait_for(conversation.end(), PATIENCE_S)
        return judge(sent, heard)
    finally:
        logging.getLogger("devstral_ls").removeHandler(with_log)


def connect(heard: Heard, engine: Engine) -> Conversation:
    """A server without threads at its wire."""
    return Conversation(heard, Settings(), lambda _: engine, stop=heard.exit_codes.append, gone=lambda: None)


def judge(sent: list[Message], heard: Heard) -> list[str]:
    """Every rule of the conversation that was broken."""
    wrong = [f"crashed: {crash}" for crash in heard.crashes]
    wrong += wrong_counts(sent, heard)
    wrong += [f"neither result nor error, or both: {reply}" for reply in heard.replies if len(reply) != 3]
    return wrong + phase_errors(sent, heard)


def phase_errors(sent: list[Message], heard: Heard) -> list[str]:
    """Requests before initialize and after shutdown that were not refused as LSP says."""
    codes = {reply["id"]: reply["error"]["code"] for reply in heard.replies if "error" in reply}
    counts = Counter(readable_id(message) for message in sent if is_request(message))
    wrong, phase = [], "waiting"
    if any(1 < counts[readable_id(each)] for each in sent if is_request(each) and each["method"] in TURNS):
        return []  # which of the replies it got cannot be told
    for message in sent:
        if not is_request(message) or counts[readable_id(message)] != 1 or readable_id(message) is None:
            continue
        code, method = codes.get(message["id"]), message["method"]
        if phase == "shut down" and code != INVALID_REQUEST:
            wrong.append(f"{method} after shutdown got {code}")
        if phase == "waiting" and method != "initialize" and code != NOT_INITIALIZED:
            wrong.append(f"{method} before initialize got {code}")
        if method == "initialize" and phase == "waiting" and code is None:
            phase = "running"
        if method == "shutdown" and phase == "running" and code is None:
            phase = "shut down"
    return wrong


def is_request(message: Message) -> bool:
    return message.get("jsonrpc") == "2.0" and "method" in message and "id" in message


def readable_id(message: Message) -> Any:
    """The id by which a request is answered; None where the server cannot read it."""
    is_readable = type(message["id"]) in (int, str) and isinstance(message["method"], str)
    return message["id"] if is_readable else None


# What an editor, or something that is none, may say


def random_message(random: Random, sent: list[Message], questions: list[Message]) -> Message:
    """A message that fits, more often than not, and sometimes one that does not."""
    if not sent and random.random() < 0.9:
        message = initialize(random)
    else:
        message = random.choice(MAKERS)(random, sent, questions)
    if "id" not in message and random.random() < 0.03:
        message["id"] = random.choice(JUNK)
    for _ in range(random.choice((0, 0, 0, 0, 0, 1, 2))):
        mutate(random, message)
    return message


def mutate(random: Random, node: Any) -> None:
    """Change one thing somewhere in `node`: take it away, or put junk in its place."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key = random.choice(keys)
    inner = node[key]
    if isinstance(inner, (dict, list)) and inner and random.random() < 0.7:
        mutate(random, inner)
    elif random.random() < 0.3:
        del node[key]
    else:
        node[key] = deepcopy(random.choice(JUNK))


def request(random: Random, sent: list[Message], method: str, params: Any) -> Message:
    message_id: Any = random.choice((len(sent), f"s{len(sent)}"))
    if random.random() < 0.03:
        message_id = random.choice((0, 1, "s1", 2))
    return {"jsonrpc": "2.0", "id": message_id, "method": method, "params": params}


def notification(method: str, params: Any) -> Message:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def initialize(random: Random, sent: list[Message] | None = None, _: object = None) -> Message:
    capabilities: dict[str, Any] = {
        "general": {"positionEncodings": random.sample(["utf-8", "utf-16", "utf-32", "utf-7"], 2)},
        "window": {"workDoneProgress": random.random() < 0.5},
        "workspace": {"configuration": random.random() < 0.5},
        "notebookDocument": {"synchronization": {}},
    }
    options = random.choice((None, {"max_lines": random.choice(JUNK)}, {"disabled_files": ["*"]}))
    params = {"processId": None, "rootUri": None, "capabilities": capabilities, "initializationOptions": options}
    return request(random, sent or [], "initialize", params)


def initialized(_random: Random, _sent: object, _questions: object) -> Message:
    return notification("initialized", {})


def position(random: Random) -> Message:
    return {"line": random.choice((0, 0, 1, 2, 9)), "character": random.choice((0, 3, 4, 7, 10, 1000))}


def inline(random: Random, sent: list[Message], _: object) -> Message:
    context: Message = {"triggerKind": random.choice((0, 1, 2, 2, 3))}
    if random.random() < 0.2:
        selected = {"start": position(random), "end": position(random)}
        context["selectedCompletionInfo"] = {"range": selected, "text": random.choice(TEXTS)}
    params = {"textDocument": {"uri": random.choice(URIS)}, "position": position(random), "context": context}
    return request(random, sent, "textDocument/inlineCompletion", params)


def completion(random: Random, sent: list[Message], _: object) -> Message:
    params = {"textDocument": {"uri": random.choice(URIS)}, "position": position(random)}
    return request(random, sent, "textDocument/completion", params)


def command(random: Random, sent: list[Message], _: object) -> Message:
    params = {"command": random.choice(("devstral.accepted", "no")), "arguments": [random.choice(JUNK)]}
    return request(random, sent, "workspace/executeCommand", params)


def unknown(random: Random, sent: list[Message], _: object) -> Message:
    method = random.choice(("$/x", "x", "textDocument/rename", "workspace/configuration"))
    if random.random() < 0.5:
        return request(random, sent, method, random.choice(JUNK))
    return notification(method, random.choice(JUNK))


def item(random: Random, uri: str) -> Message:
    version = random.choice((0, 1, 2))
    return {"uri": uri, "languageId": "python", "version": version, "text": random.choice(TEXTS)}


def opening(random: Random, _sent: object, _questions: object) -> Message:
    return notification("textDocument/didOpen", {"textDocument": item(random, random.choice(URIS))})


def changes(random: Random) -> list[Message]:
    made = []
    for _ in range(random.choice((0, 1, 1, 2))):
        change: Message = {"text": random.choice(TEXTS)}
        if random.random() < 0.8:
            change["range"] = {"start": position(random), "end": position(random)}
        made.append(change)
    return made


def change(random: Random, sent: list[Message], _: object) -> Message:
    document = {"uri": random.choice(URIS), "version": random.choice((1, len(sent) + 2, len(sent) + 3))}
    return notification("textDocument/didChange", {"textDocument": document, "contentChanges": changes(random)})


def closing(random: Random, _sent: object, _questions: object) -> Message:
    return notification("textDocument/didClose", {"textDocument": {"uri": random.choice(URIS)}})


def notebook(random: Random, sent: list[Message], _: object) -> Message:
    new = [{"kind": 2, "document": uri} for uri in URIS[2:]]
    named = {"uri": NOTEBOOK, "version": len(sent)}
    kind = random.choice(("Open", "Change", "Close"))
    if kind == "Open":
        params: Message = {
            "notebookDocument": {**named, "notebookType": "jupyter-notebook", "cells": new},
            "cellTextDocuments": [item(random, uri) for uri in URIS[2:]],
        }
    elif kind == "Close":
        params = {"notebookDocument": named, "cellTextDocuments": [{"uri": uri} for uri in URIS[2:]]}
    else:
        array = {"start": random.choice((0, 1, 9)), "deleteCount": random.choice((0, 1, 9)), "cells": new[:1]}
        content = {"document": {"uri": URIS[2], "version": len(sent) + 2}, "changes": changes(random)}
        params = {
            "notebookDocument": named,
            "change": {"cells": {"structure": {"array": array}, "textContent": [content]}},
        }
    return notification(f"notebookDocument/did{kind}", params)


def cancel(random: Random, sent: list[Message], _: object) -> Message:
    ids = [message["id"] for message in sent if "id" in message] or [0]
    return notification("$/cancelRequest", {"id": random.choice(ids)})


def settings(random: Random, _sent: object, _questions: object) -> Message:
    given = random.choice((None, {"devstral": {"max_lines": 2}}, {"deadline_ms": 60}, {"devstral": 3}, []))
    return notification("workspace/didChangeConfiguration", {"settings": given})


def folders(random: Random, _sent: object, _questions: object) -> Message:
    event = {"added": [{"uri": random.choice(URIS), "name": "x"}], "removed": []}
    return notification("workspace/didChangeWorkspaceFolders", {"event": event})


def of_copilot(random: Random, _sent: object, _questions: object) -> Message:
    method = random.choice(("textDocument/didShowCompletion", "textDocument/didPartiallyAcceptCompletion"))
    return notification(method, {"item": {"command": {"arguments": [random.choice(JUNK)]}}, "acceptedLength": 3})


def response(random: Random, sent: list[Message], questions: list[Message]) -> Message:
    ids = [question["id"] for question in questions] + [message["id"] for message in sent if "id" in message] + [99]
    answer: Message = {"jsonrpc": "2.0", "id": random.choice(ids)}
    error = {"code": -1, "message": "no"}
    return answer | random.choice(({"result": None}, {"result": [{"max_lines": 1}]}, {"error": error}, {}))


def shutdown(random: Random, sent: list[Message], _: object) -> Message:
    return request(random, sent, "shutdown", None) if random.random() < 0.5 else inline(random, sent, None)


def leaving(random: Random, sent: list[Message], _: object) -> Message:
    return notification("exit", None) if random.random() < 0.3 else inline(random, sent, None)


Maker = Callable[[Random, list[Message], list[Message]], Message]
MAKERS: list[Maker] = [
    *(inline, opening, change) * 4,
    *(completion, cancel, initialized, initialize, command, unknown, closing, notebook, settings, folders),
    *(of_copilot, response, response, shutdown, leaving),
]


# Bytes that are nearly frames


def broken_stream(random: Random) -> bytes:
    """A short conversation on the wire, with a few bytes of it changed, lost, or come twice."""
    sent: list[Message] = []
    for _ in range(random.randint(1, 5)):
        sent.append(initialize(random) if not sent else random.choice(MAKERS)(random, sent, []))
    stream = bytearray(b"".join(frame(json.dumps(message).encode()) for message in sent))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(stream)) if stream else 0
        n_bytes = random.choice((1, 1, 2, 30))
        match random.randrange(4):
            case 0:
                stream[at : at + 1] = random.randbytes(1)
            case 1:
                del stream[at : at + n_bytes]
            case 2:
                stream[at:at] = stream[at : at + n_bytes]
            case _:
                stream[at:at] = random.choice((b"\r\n", b"\n", b"Content-Length: 1\r\n", b"\0", b"\xff", b"9"))
    return bytes(stream)


async def converse_broken(seed: int, engine: Engine) -> list[str]:
    """One broken stream, read to its end; what was wrong with the answers."""
    random = Random(seed)
    heard = Heard()
    with_log = Crashes(heard.crashes)
    logging.getLogger("devstral_ls").addHandler(with_log)
    try:
        conversation = connect(heard, engine)
        bodies = list(frames(io.BytesIO(broken_stream(random))))
        sent = []
        for body in bodies:
            sent.append(parsed(body))
            conversation.receive(body)
            if heard.exit_codes:
                break
        await asyncio.wait_for(conversation.end(), PATIENCE_S)
        crashes = [crash for crash in heard.crashes if "skipped a message" not in crash]
        return [f"crashed: {crash}" for crash in crashes] + wrong_counts(sent, heard)
    finally:
        logging.getLogger("devstral_ls").removeHandler(with_log)


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def wrong_counts(sent: list[Any], heard: Heard) -> list[str]:
    """Requests with another number of replies than one; what cannot be read gets a null id back."""
    expected: Counter[Any] = Counter()
    for message in sent:
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            expected[None] += 1
        elif is_request(message):
            expected[readable_id(message)] += 1
    got = Counter(reply["id"] for reply in heard.replies)
    return [] if expected == got else [f"replies: expected {expected - got} more, got {got - expected} too many"]


def quiet_pygls() -> None:
    """As the real server does: pygls quotes whole messages in its log."""
    for name in ("pygls", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        logging.getLogger(name).propagate = False
