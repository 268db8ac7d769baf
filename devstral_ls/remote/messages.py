"""What is said to an OpenAI-compatible server, and what its answers mean: JSON in, text out, nothing believed.

A server may lie, chatter without end or speak another language; each of these is a `RemoteError` in one line.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from devstral_ls.errors import RemoteError
from devstral_ls.remote.choice import Remote
from devstral_ls.remote.parcel import Chat, Infill, Parcel

MAX_REPLY_BYTES = 2_000_000  # of which most is JSON around single tokens
MAX_LINE_BYTES = 200_000
MAX_CHARACTERS_PER_TOKEN = 16  # a server that writes more than this has lost count
_DONE = b"[DONE]"
_FINISHED = ("stop", "end_turn", "eos")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more text; `finish` is set on the last one that says why it is the last."""

    text: str
    finish: str | None = None


def path_of(parcel: Parcel, remote: Remote) -> str:
    """Which door of the server to knock at, relative to its URL."""
    if isinstance(parcel.content, Chat):
        return "/chat/completions"
    if remote.infill == "none":
        raise RemoteError(f"{remote.host} is not set up to fill holes; see `devstral-ls remote use --infill`")
    return "/fim/completions" if remote.infill == "fim" else "/completions"


def body_of(parcel: Parcel, remote: Remote) -> bytes:
    """The request's JSON in ASCII, so that a log of it can be shown in any terminal."""
    asked: dict[str, Any] = {"model": remote.model, "max_tokens": parcel.max_tokens, "temperature": 0, "stream": True}
    match parcel.content:
        case Chat(system, user):
            asked["messages"] = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        case Infill(prefix, suffix):
            asked |= {"prompt": prefix, "suffix": suffix} if suffix else {"prompt": prefix}
    if parcel.stops:
        asked["stop"] = list(parcel.stops)
    return json.dumps(asked).encode("ascii")


def pieces(content_type: str, chunks: Iterable[bytes]) -> Iterator[Piece]:
    """The pieces of an answer as they come: a stream of events, or one object from servers that do not stream."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        yield from _events(_lines(chunks))
    elif kind == "application/json":
        yield _piece(_parsed(b"".join(_limited(chunks))))
    else:
        raise RemoteError(f"the server answers with {kind[:40]!r}, which is no model's answer; is the URL right")


def is_finished(finish: str | None) -> bool:
    """Whether the model had said all that it wanted."""
    return finish in _FINISHED


def _events(lines: Iterator[bytes]) -> Iterator[Piece]:
    for line in lines:
        field, _, value = line.partition(b":")
        if field != b"data":
            continue  # comments, event names, and the empty lines between events
        value = value.strip()
        if value == _DONE:
            return
        yield _piece(_parsed(value))
    # Some servers end without [DONE]; what was cut off has no finish reason, and whoever reads sees that.


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of bounded length, however the network cuts them."""
    rest = b""
    for chunk in _limited(chunks):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.removesuffix(b"\r") for line in whole)
        if MAX_LINE_BYTES < len(rest):
            raise RemoteError(f"the server sent a line of more than {MAX_LINE_BYTES} bytes")
    if rest:
        yield rest


def _limited(chunks: Iterable[bytes]) -> Iterator[bytes]:
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        if MAX_REPLY_BYTES < n_bytes:
            raise RemoteError(f"the server sent more than {MAX_REPLY_BYTES} bytes")
        yield chunk


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise RemoteError("the server's answer is not JSON") from None
    if not isinstance(found, dict):
        raise RemoteError("the server's answer is no JSON object")
    return found


def _piece(found: dict[str, Any]) -> Piece:
    """The text of one event or object: of a completion, of a chat, or of a piece of a chat."""
    if found.get("error"):
        raise RemoteError("the server gave up and sent an error in the place of its answer")
    match found.get("choices"):
        case []:
            return Piece("")  # counts of tokens, at the end of a stream
        case [dict() as choice, *_]:
            pass
        case _:
            raise RemoteError("the server's answer holds no choices")
    holder = choice.get("delta") or choice.get("message") or choice
    text = holder.get("content", holder.get("text")) if isinstance(holder, dict) else None
    finish = choice.get("finish_reason")
    if not (text is None or isinstance(text, str)) or not (finish is None or isinstance(finish, str)):
        raise RemoteError("the server's answer holds no text")
    return Piece(text or "", finish)
