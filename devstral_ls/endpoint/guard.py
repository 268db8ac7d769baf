"""Who may come in: whoever holds the token, is no page in a browser, and asks this very machine.

A page can make a browser send requests to the loopback, and, with a name of its own that is made to point here
(DNS rebinding), read the answers. It cannot leave out its origin, write another host, or know the token.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

MAX_BODY_BYTES = 1_000_000
_ONCE = ("host", "content-length", "content-type", "authorization")


@dataclass(frozen=True, slots=True)
class Head:
    """A request before its body is read; names of headers are in small letters."""

    method: str
    path: str
    headers: Sequence[tuple[str, str]]

    def all_of(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def get(self, name: str) -> str:
        return next(iter(self.all_of(name)), "")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered, as its sender is told."""

    status: HTTPStatus
    words: str


def refusal(head: Head, *, port: int, token: str) -> Refusal | None:
    """Why this request is refused, or None when it may come in."""
    if any(1 < len(head.all_of(name)) for name in _ONCE):
        return Refusal(HTTPStatus.BAD_REQUEST, "a header came twice")
    if head.get("host") not in {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}:
        return Refusal(HTTPStatus.FORBIDDEN, "the Host header names another machine")
    if head.all_of("origin"):
        return Refusal(HTTPStatus.FORBIDDEN, "pages in a browser may not ask")
    scheme, _, given = head.get("authorization").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        return Refusal(HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong")
    return _about_body(head) if head.method == "POST" else None


def _about_body(head: Head) -> Refusal | None:
    length = head.get("content-length")
    if head.all_of("transfer-encoding") or not (length.isascii() and length.isdigit()):
        return Refusal(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed, and nothing else that ends a body")
    if MAX_BODY_BYTES < int(length[:12]):
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {MAX_BODY_BYTES} bytes")
    if head.get("content-type").partition(";")[0].strip().lower() != "application/json":
        return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is to be application/json")
    return None
