"""The one module with a network client: a request goes out, every byte of it written down before it leaves.

httpcore2 because it does nothing unasked: no redirects, cookies, decoding, or proxies of the environment.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import RemoteBusy, RemoteError
from devstral_ls.remote.choice import Remote

CONNECT_S = 10.0
READ_S = 60.0  # until the first token of a long prompt
MAX_HEADER_BYTES = 200  # of what is read from one

# Hears what is about to leave.
Record = Callable[[bytes], None]

_BROKEN = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, httpcore2.ProxyError)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: the status, the headers that matter, and the body as it comes."""

    status: int
    content_type: str
    retry_after: str
    location: str
    chunks: Iterator[bytes]


@contextmanager
def post(
    remote: Remote, path: str, body: bytes, *, key: str, until_s: float, record: Record, cancel: CancelToken
) -> Iterator[Answered]:
    """Send `body` and hand out the answer; `until_s`, of the monotonic clock, ends everything."""
    wire = _Wire(_with_mask(key, record), until_s)
    proxy = httpcore2.Proxy(remote.proxy) if remote.proxy else None
    pool = httpcore2.ConnectionPool(ssl_context=_ssl_context(remote), proxy=proxy, network_backend=wire)
    timeouts = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": CONNECT_S}
    url, headers = remote.url.rstrip("/") + path, _headers(remote, body, key)
    forget = cancel.on_cancel(wire.cut)
    has_begun = False
    try:
        with pool, pool.stream("POST", url, headers=headers, content=body, extensions={"timeout": timeouts}) as answer:
            has_begun = True
            yield _answered(answer)
    except _BROKEN as error:
        cancel.raise_if_cancelled()
        if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
            raise RemoteError(_about_certificate(error, remote)) from None
        kind = RemoteError if has_begun or until_s <= time.monotonic() else RemoteBusy
        raise kind(_words(error, remote, has_begun=has_begun)) from None
    finally:
        forget()


def _headers(remote: Remote, body: bytes, key: str) -> list[tuple[str, str]]:
    named = [
        ("Host", urlsplit(remote.url).netloc),
        ("User-Agent", "devstral-ls"),
        ("Accept", "text/event-stream, application/json"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
    ]
    return [*named, ("Authorization", f"Bearer {key}")] if key else named


def _answered(answer: httpcore2.Response) -> Answered:
    named = {name.lower(): value[:MAX_HEADER_BYTES].decode("latin-1") for name, value in answer.headers}
    return Answered(
        status=answer.status,
        content_type=named.get(b"content-type", ""),
        retry_after=named.get(b"retry-after", ""),
        location=named.get(b"location", ""),
        chunks=answer.iter_stream(),
    )


def _ssl_context(remote: Remote) -> ssl.SSLContext:
    """The system's trust, or only that in the user's file."""
    if not remote.ca:
        return httpcore2.default_ssl_context()
    try:
        return ssl.create_default_context(cafile=remote.ca)
    except OSError:  # ssl.SSLError is one
        raise RemoteError(f"{remote.ca} holds no certificates in PEM") from None


def _about_certificate(error: Exception, remote: Remote) -> str:
    cause = error.__cause__ or error.__context__
    reason = getattr(cause, "verify_message", "") or "not trusted"
    return f"{remote.host} was refused for its certificate: {reason}; a private authority is named by `--ca FILE`"


def _words(error: Exception, remote: Remote, *, has_begun: bool) -> str:
    match error:
        case httpcore2.ConnectTimeout():
            return f"{remote.host} cannot be reached in {CONNECT_S:.0f} s"
        case httpcore2.TimeoutException():
            return f"{remote.host} took too long"
        case httpcore2.ProxyError():
            return f"the proxy {urlsplit(remote.proxy).netloc} refused the way to {remote.host}"
        case httpcore2.ConnectError():
            return f"{remote.host} cannot be reached; is it running"
        case _ if has_begun:
            return f"{remote.host} broke off in the middle of its answer"
        case _:
            return f"{remote.host} closed the connection without an answer"


def _with_mask(key: str, record: Record) -> Record:
    """Records with the key replaced by so many asterisks."""
    if not key:
        return record
    secret, mask = key.encode("ascii"), b"*" * len(key)
    return lambda content: record(content.replace(secret, mask))


class _Wire(httpcore2.NetworkBackend):
    """Connections whose bytes are recorded and that end at a deadline, whatever the other side does."""

    def __init__(self, record: Record, until_s: float) -> None:
        self._record = record
        self._until_s = until_s
        self._inner = httpcore2.SyncBackend()
        self._streams: list[_Stream] = []
        self._is_cut = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self._inner.connect_tcp(host, port, self.left_s(timeout), local_address, socket_options)
        return self.kept(_Stream(stream, self))

    def kept(self, stream: "_Stream") -> "_Stream":
        self._streams.append(stream)
        if self._is_cut:
            self.cut()
        return stream

    def record(self, content: bytes) -> None:
        self._record(content)

    def left_s(self, timeout_s: float | None) -> float:
        """What may be waited now."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise httpcore2.ReadTimeout("the deadline has passed")
        return left_s if timeout_s is None else min(left_s, timeout_s)

    def cut(self) -> None:
        """From any thread: whoever reads or writes now fails at once."""
        self._is_cut = True
        for stream in self._streams:
            stream.cut()


class _Stream(httpcore2.NetworkStream):
    """One connection, or the encrypted one inside of it: what is recorded is what the server reads."""

    def __init__(self, inner: httpcore2.NetworkStream, wire: _Wire) -> None:
        self._inner = inner
        self._wire = wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._wire.left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        timeout_s = self._wire.left_s(timeout)
        if buffer:
            self._wire.record(buffer)
        self._inner.write(buffer, timeout_s)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._wire.left_s(timeout))
        return self._wire.kept(_Stream(inner, self._wire))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def cut(self) -> None:
        connection = self._inner.get_extra_info("socket")
        with suppress(OSError, AttributeError):  # it has ended already
            connection.shutdown(socket.SHUT_RDWR)
