"""A parcel goes out and a reply comes back, or one line says why not: against a server that may do anything."""

import json
import os
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import EVENTS, JSON, Play, Stage, answers, on_stage, says

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import Cancelled, NoConsent, RemoteError, UsageError
from devstral_ls.remote import choice, consent
from devstral_ls.remote.choice import Remote
from devstral_ls.remote.deliver import deliver
from devstral_ls.remote.parcel import Chat, Infill, Parcel, Reply
from devstral_ls.remote.sent import SentLog, read_log

KEY = "key-of-a-test-0123456789"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder, with a key in the environment."""
    monkeypatch.setenv("REMOTE_KEY", KEY)
    return tmp_path / "data"


def choose(folder: Path, url: str, **fields: Any) -> Remote:
    """A chosen and allowed server."""
    remote = choice.remote_of({"url": url, "model": "big", "key": "env:REMOTE_KEY", **fields})
    choice.save(folder, remote)
    consent.give(folder, folder.parent, remote, consent.Answer.ALLOWED)
    return remote


def parcel(folder: Path, **fields: Any) -> Parcel:
    told = {"content": Chat("Be brief.", "What is ä?"), "max_tokens": 20, "deadline_ms": 5000, "why": "fix"}
    return Parcel(**{**told, "workspace": str(folder.parent), "document": "app.py", **fields})


def sent(folder: Path, *plays: Play, content: Chat | Infill | None = None, **fields: Any) -> tuple[Reply, Stage]:
    """What comes back, and what the server got."""
    with on_stage(*plays) as stage:
        choose(folder, stage.url, **fields)
        one = parcel(folder)
        return deliver(replace(one, content=content) if content else one, folder, CancelToken()), stage


def refusal(folder: Path, *plays: Play, deadline_ms: int = 5000, **fields: Any) -> str:
    """The one line that says why nothing comes back."""
    with on_stage(*plays) as stage:
        choose(folder, stage.url, **fields)
        with pytest.raises(RemoteError) as caught:
            deliver(parcel(folder, deadline_ms=deadline_ms), folder, CancelToken())
    words = str(caught.value).replace(f"127.0.0.1:{stage.port}", "HOST")
    assert "\n" not in words
    assert KEY not in words
    return words


def test_a_streamed_chat_is_put_together(folder: Path) -> None:
    """Pieces in the order in which they come, and the model had finished."""
    reply, stage = sent(folder, answers("An umlaut", ", of course."))
    assert Reply("An umlaut, of course.", is_whole=True) == reply
    (body,) = stage.bodies()
    assert [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is ä?"}] == body["messages"]
    assert f"Authorization: Bearer {KEY}".encode() in stage.received[0]


def test_servers_that_do_not_stream_are_understood(folder: Path) -> None:
    """One JSON object is an answer too."""
    message = {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}
    assert "whole" == sent(folder, says("200 OK", JSON, json.dumps(message).encode()))[0].text


@pytest.mark.parametrize(("infill", "path"), [("suffix", b"/v1/completions"), ("fim", b"/v1/fim/completions")])
def test_holes_are_asked_for_as_the_server_wants(folder: Path, infill: str, path: bytes) -> None:
    """OpenAI's way and Mistral's differ in the path and in where the text stands."""
    completion = {"choices": [{"text": "b", "finish_reason": "stop"}]}
    play = says("200 OK", JSON, json.dumps(completion).encode())
    reply, stage = sent(folder, play, content=Infill("a + ", "\n"), infill=infill)
    assert "b" == reply.text
    assert stage.received[0].startswith(b"POST " + path)
    assert ("a + ", "\n") == (stage.bodies()[0]["prompt"], stage.bodies()[0]["suffix"])


def test_the_log_equals_the_socket(folder: Path) -> None:
    """Byte for byte, attempt for attempt, with asterisks in the place of the key."""
    busy = says("429 Too Many Requests", JSON, b"{}", "Retry-After: 0")
    _, stage = sent(folder, busy, answers("x"))
    logged = [each.content for each in read_log(folder)]
    assert 2 == len(logged)
    assert [each.replace(KEY.encode(), b"*" * len(KEY)) for each in stage.received] == logged
    assert [each.why for each in read_log(folder)] == ["fix", "fix"]
    files = [path for path in folder.iterdir() if path.stat().st_mode & 0o077]
    assert [] == files
    assert KEY.encode() not in b"".join(path.read_bytes() for path in folder.iterdir())


def test_what_cannot_be_logged_is_not_sent(folder: Path) -> None:
    """A log that is a folder cannot be written."""
    with on_stage(answers("x")) as stage:
        choose(folder, stage.url)
        (folder / "remote-sent.jsonl").mkdir()
        with pytest.raises(RemoteError, match="cannot be written"):
            deliver(parcel(folder), folder, CancelToken())
    assert [] == stage.received


def test_nothing_leaves_without_consent(folder: Path) -> None:
    """No answer, a no, an answer about another server or folder, and one that was taken back."""
    with on_stage(answers("x")) as stage:
        remote = choice.remote_of({"url": stage.url, "model": "big"})
        choice.save(folder, remote)
        elsewhere = replace(remote, url="https://models.example.com/v1")
        for workspace, about, said in [
            (folder.parent, remote, consent.Answer.REFUSED),
            (folder.parent, elsewhere, consent.Answer.ALLOWED),
            (folder.parent / "other", remote, consent.Answer.ALLOWED),
        ]:
            with pytest.raises(NoConsent):
                deliver(parcel(folder), folder, CancelToken())
            consent.give(folder, workspace, about, said)
        consent.give(folder, folder.parent, remote, consent.Answer.ALLOWED)
        assert "x" == deliver(parcel(folder), folder, CancelToken()).text
        consent.give(folder, folder.parent, remote, consent.Answer.REFUSED)
        with pytest.raises(NoConsent):
            deliver(parcel(folder), folder, CancelToken())
    assert 1 == len(stage.received)


def test_an_overloaded_server_is_asked_again(folder: Path) -> None:
    """Three times at most, and the line says so."""
    busy = says("429 Too Many Requests", JSON, b"{}", "Retry-After: 0")
    assert "HOST answers 429: it is overloaded, after 3 attempts" == refusal(folder, busy)
    assert 3 == len(list(read_log(folder)))


def test_a_server_that_wants_too_much_patience_is_left(folder: Path) -> None:
    """An hour is more than the deadline: no second attempt."""
    busy = says("503 Service Unavailable", JSON, b"{}", "Retry-After: 3600")
    assert "HOST answers 503: which is no answer" == refusal(folder, busy, deadline_ms=800)
    assert 1 == len(list(read_log(folder)))


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (says("200 OK", EVENTS, b"data: {oh no\n\n"), "the server's answer is not JSON"),
        (says("200 OK", JSON, b"[" * 100_000), "the server's answer is not JSON"),
        (says("200 OK", JSON, b"[]"), "the server's answer is no JSON object"),
        (says("200 OK", JSON, b'{"choices": 3}'), "the server's answer holds no choices"),
        (says("200 OK", JSON, b'{"choices": [{"text": 3}]}'), "the server's answer holds no text"),
        (says("200 OK", "text/html", b"<p>Log in"), "the server answers with 'text/html', which is no model's answer"),
        (says("200 OK", JSON, b'{"choices": []}', length=99), "HOST broke off in the middle of its answer"),
        (says("200 OK", EVENTS, b"data: " + b"x" * 300_000), "the server sent a line of more than 200000 bytes"),
        (says("200 OK", EVENTS, b"data: {}\n\n", length=-1), "HOST closed the connection without an answer"),
        (says("200 OK", EVENTS, b'data: {"error": {"message": "no"}}\n\n'), "the server gave up"),
        (says("401 Unauthorized", JSON, b"{}"), "HOST answers 401: the key is not accepted"),
        (says("418 I'm a teapot", JSON, b"{}"), "HOST answers 418: which is no answer"),
    ],
)
def test_liars_are_refused_in_one_line(folder: Path, play: Play, words: str) -> None:
    """Wrong JSON, wrong shape, wrong length, another language."""
    assert refusal(folder, play).startswith(words)


def test_chatter_is_cut(folder: Path) -> None:
    """A server that writes on behind its last token gets no further hearing."""
    reply, _ = sent(folder, answers(*["blah " * 100] * 50))
    assert (20 * 16, False) == (len(reply.text), reply.is_whole)


def test_an_answer_that_ends_early_is_not_whole(folder: Path) -> None:
    """No finish reason, no [DONE]."""
    broken = b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n'
    assert Reply("half", is_whole=False) == sent(folder, says("200 OK", EVENTS, broken))[0]


def test_redirects_are_refused(folder: Path) -> None:
    """Nothing goes to a server that was not chosen."""
    with on_stage(answers("stolen")) as thief:
        there = says("307 Temporary Redirect", JSON, b"", f"Location: {thief.url}/chat/completions")
        words = refusal(folder, there)
        assert [] == thief.received
    assert f"HOST sends us on to 127.0.0.1:{thief.port}, which was not chosen; nothing was sent there" == words


def test_a_killed_server_is_said_to_be_gone(folder: Path) -> None:
    """Nobody listens any more."""
    with on_stage(answers("x")) as stage:
        pass
    choose(folder, stage.url)
    with pytest.raises(RemoteError, match="cannot be reached; is it running, after 3 attempts"):
        deliver(parcel(folder), folder, CancelToken())


def drip(gate: threading.Event) -> Play:
    """An answer that comes byte by byte and never ends."""

    def play(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        while not gate.wait(0.02):
            connection.sendall(b":")

    return play


def test_the_deadline_ends_also_what_trickles(folder: Path) -> None:
    """Each byte comes in time, and the whole does not."""
    gate = threading.Event()
    start_s = time.monotonic()
    assert "HOST took too long" == refusal(folder, drip(gate), deadline_ms=400)
    gate.set()
    assert time.monotonic() - start_s < 4


def test_a_cancelled_question_ends_at_once(folder: Path) -> None:
    """Also while the server says nothing at all."""
    reached, gate, cancel = threading.Event(), threading.Event(), CancelToken()

    def silent(_connection: socket.socket) -> None:
        reached.set()
        gate.wait(20)

    with on_stage(silent) as stage:
        choose(folder, stage.url)
        threading.Thread(target=lambda: reached.wait(20) and cancel.cancel(), daemon=True).start()
        start_s = time.monotonic()
        with pytest.raises(Cancelled):
            deliver(parcel(folder, deadline_ms=20_000), folder, cancel)
        assert time.monotonic() - start_s < 10
        gate.set()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    paths = (folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=somebody"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True)
    return paths


def test_a_bad_certificate_is_refused(folder: Path, certificate: tuple[Path, Path]) -> None:
    """The line says what is wrong and what to do, and not one byte of the parcel went out; a named authority helps."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    with on_stage(answers("x"), tls=tls) as stage:
        secure = stage.url.replace("http:", "https:")
        choose(folder, secure)
        with pytest.raises(RemoteError, match=r"refused for its certificate: self.signed certificate; .*--ca FILE"):
            deliver(parcel(folder), folder, CancelToken())
        assert ([], [b""]) == (stage.received, [each.content for each in read_log(folder)])
        choose(folder, secure, ca=str(certificate[0]))
        assert "x" == deliver(parcel(folder), folder, CancelToken()).text
        choose(folder, secure.replace("127.0.0.1", "localhost"), ca=str(certificate[0]))
        with pytest.raises(RemoteError, match="refused for its certificate: Hostname mismatch"):
            deliver(parcel(folder), folder, CancelToken())
    assert 1 == len(stage.received)


def test_a_proxy_is_used_where_one_is_named(folder: Path, certificate: tuple[Path, Path]) -> None:
    """The proxy sees an address and then what it cannot read; the log has both conversations."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    with on_stage(answers("x"), tls=tls) as stage, socket.create_server(("127.0.0.1", 0)) as listener:
        seen: list[bytes] = []
        threading.Thread(target=_proxy, args=(listener, stage.port, seen), daemon=True).start()
        port = listener.getsockname()[1]
        choose(folder, stage.url.replace("http:", "https:"), ca=str(certificate[0]), proxy=f"http://127.0.0.1:{port}")
        assert "x" == deliver(parcel(folder), folder, CancelToken()).text
    (logged,) = read_log(folder)
    assert b"".join(seen) + stage.received[0].replace(KEY.encode(), b"*" * len(KEY)) == logged.content
    assert f"CONNECT 127.0.0.1:{stage.port}".encode() in seen[0]


def _proxy(listener: socket.socket, port: int, seen: list[bytes]) -> None:
    """Opens one tunnel; `seen` is what was said to the proxy itself."""
    client, _ = listener.accept()
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        asked += client.recv(65536)
    seen.append(asked)
    server = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=_pump, args=(server, client), daemon=True).start()
    _pump(client, server)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://models.example.com/v1"}, "would show the code to the network"),
        ({"url": "https://ada:pw@models.example.com/v1"}, "no user, password"),
        ({"url": "https://models.example.com/v1?key=1"}, "no user, password"),
        ({"url": "file:///etc/passwd"}, "no URL of a server"),
        ({"url": "https://models.example.com:0/v1"}, "no URL of a server"),
        ({"url": "https://models.example.com/v1\r\nX: y"}, "no URL of a server"),
        ({"url": "ftp://models.example.com"}, "https is wanted"),
        ({"url": ""}, "needs a url"),
        ({"preview": "yes"}, "wrong type"),
        ({"shell": "rm"}, "unknown field"),
        ({"infill": "magic"}, "must be one of"),
        ({"ca": "/nowhere/ca.pem"}, "there is no file"),
        ({"proxy": "socks5://127.0.0.1:1"}, "the proxy is to be"),
    ],
)
def test_a_wrong_choice_is_refused(fields: dict[str, Any], words: str) -> None:
    """Before anything is sent, in one line."""
    with pytest.raises(UsageError, match=words):
        choice.remote_of({"url": "https://models.example.com/v1", "model": "big", **fields})


def test_keys_are_read_from_private_files_only(tmp_path: Path) -> None:
    """Others may not read it, links are not followed, and a key in the place of a name is never quoted."""
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        choice.read_key(str(file))
    file.chmod(0o600)
    assert KEY == choice.read_key(str(file))
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(UsageError, match="cannot be read"):
        choice.read_key(str(tmp_path / "link"))
    file.write_text("two\nlines")
    with pytest.raises(UsageError, match="holds no key"):
        choice.read_key(str(file))
    with pytest.raises(UsageError) as caught:
        choice.read_key(KEY)
    assert KEY not in str(caught.value)
    assert "NOT_SET" not in os.environ
    with pytest.raises(UsageError, match="NOT_SET is empty or not set"):
        choice.read_key("env:NOT_SET")


def test_the_log_is_bounded(folder: Path) -> None:
    """A full log is put aside, and the one before it goes."""
    log = SentLog(folder, max_file_bytes=2_000)
    for number in range(40):
        log.add(log.begin(to="here", why="fix", workspace="w", document="d"), str(number).encode() * 100)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5_000
    assert b"39" == list(read_log(folder))[-1].content[:2]
