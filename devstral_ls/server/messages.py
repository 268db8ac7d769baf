"""What can be told of a message before anything of LSP is known: whether it is one, and of which kind."""

import json
from dataclasses import dataclass
from typing import Any

from devstral_ls.server.wire import frame

VERSION = "2.0"
PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602
NOT_INITIALIZED, REQUEST_CANCELLED = -32002, -32800

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that a message gets for a reply."""

    code: int
    words: str


def read(body: bytes) -> Message | Refusal:
    """The message in a frame, or why it is none; the id and the method of a request are of the right types."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(PARSE_ERROR, "the message is not JSON")
    if not isinstance(message, dict) or message.get("jsonrpc") != VERSION:
        return Refusal(INVALID_REQUEST, "the message is not a JSON-RPC 2.0 object")
    if is_request(message) and (type(message["id"]) not in (int, str) or not isinstance(message["method"], str)):
        return Refusal(INVALID_REQUEST, "the id or the method of a request is of a wrong type")
    return message


def is_request(message: Message) -> bool:
    return "method" in message and "id" in message


def result_frame(message_id: int | str, result: object) -> bytes:
    return _framed({"jsonrpc": VERSION, "id": message_id, "result": result})


def error_frame(message_id: int | str | None, refusal: Refusal) -> bytes:
    """Where the id could not be read, JSON-RPC wants a null one."""
    return _framed({"jsonrpc": VERSION, "id": message_id, "error": {"code": refusal.code, "message": refusal.words}})


def _framed(message: Message) -> bytes:
    return frame(json.dumps(message).encode())
