"""One editor, from its first byte to its last: the pieces of the server put together."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from devstral_ls.config import Settings
from devstral_ls.server.accounts import Accounts
from devstral_ls.server.dispatch import Server
from devstral_ls.server.lifecycle import exit_code
from devstral_ls.server.link import Link
from devstral_ls.server.loading import OpenEngine, load
from devstral_ls.server.requests import COMMANDS, NOTIFICATIONS, REQUESTS
from devstral_ls.server.session import Session
from devstral_ls.server.wire import Reader, Writer

if TYPE_CHECKING:  # heavy, and only named here
    from devstral_ls.engine.face import Engine


async def converse(
    source: BinaryIO, sink: BinaryIO, settings: Settings, open_engine: OpenEngine, ledger_file: Path | None = None
) -> int:
    """Serve the editor at the other end of `source` and `sink`; the exit code, once it has left."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(code: int) -> None:
        if not stopped.done():
            stopped.set_result(code)

    def gone() -> None:
        """From any thread: the editor closed its end, or died."""
        loop.call_soon_threadsafe(lambda: stop(exit_code(server.protocol.phase)))

    def deliver(body: bytes) -> None:
        """From the reader's thread."""
        loop.call_soon_threadsafe(receive, body)

    def receive(body: bytes) -> None:
        reader.taken()
        server.protocol.receive(body)

    server = make_server(settings, open_engine, stop=stop, gone=gone)
    session = server.session
    accounts = None
    if ledger_file is not None:
        accounts = Accounts(ledger_file, session.document, lambda: session.settings.count_suggestions)
        session.feedback.listen(accounts.heard)
    writer = Writer(sink, gone)
    reader = Reader(source, deliver, gone)
    server.protocol.set_writer(writer)
    writer.start()
    reader.start()
    code = await stopped
    session.ahead.stop()
    session.publisher.stop()
    await server.protocol.end_all()
    session.checking.close()
    if accounts is not None:
        accounts.close()
    writer.close()
    return code


def make_server(
    settings: Settings, open_engine: OpenEngine, *, stop: Callable[[int], None], gone: Callable[[], None]
) -> Server:
    """A server that waits for initialize: it calls `stop` with the exit code, and `gone` when the editor has died."""

    async def load_engine(session: Session) -> "Engine":
        return await load(server, session, open_engine)

    server = Server(stop=stop, gone=gone)
    server.attach(Session(settings, Link(server), load_engine), REQUESTS, NOTIFICATIONS, COMMANDS)
    return server
