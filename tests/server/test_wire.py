"""Framing: what clients really write, and what a broken one might."""

import io

import pytest

from devstral_ls.server.wire import frame, frames


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 2\r\n\r\n",
        b"content-length: 2\r\n\r\n",
        b"CONTENT-LENGTH:2\n\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nContent-Type: x\r\n\r\n",
        b"\r\n\r\nContent-Length: 2 \r\n\r\n",
        b"noise\r\n\r\nmore noise Content-Length: 2\r\n\r\n",
    ],
)
def test_headers_are_read_as_clients_write_them(header: bytes) -> None:
    """Case, line ends, order, and rubbish before a header do not matter."""
    assert [b"{}", b"[]"] == list(frames(io.BytesIO(header + b"{}" + frame(b"[]"))))


def test_reading_recovers_from_a_length_that_is_too_short() -> None:
    """The rest of the body is skipped up to the next header, even on the same line."""
    assert [b'{"a"', b"{}"] == list(frames(io.BytesIO(b'Content-Length: 4\r\n\r\n{"a": 1}' + frame(b"{}"))))


@pytest.mark.parametrize(
    "stream", [b"", b"\r\n", b"Content-Length: 9\r\n\r\nshort", b"Content-Length: 9", b"x" * 20_000]
)
def test_an_input_that_ends_early_holds_no_message(stream: bytes) -> None:
    """A cut message is dropped."""
    assert [] == list(frames(io.BytesIO(stream)))


def test_an_enormous_message_is_skipped() -> None:
    """Its bytes are passed over without being kept, and the next message is read."""
    body = b"x" * (3 << 20)
    stream = io.BytesIO(frame(body) + frame(b"{}"))
    assert [b"{}"] == list(frames(stream, max_bytes=1 << 20))
