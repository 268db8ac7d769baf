"""One editor, from its first byte to its last.

The greeting is answered from plain JSON; what knows LSP takes half a second to import, and follows it.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from devstral_ls.config import Settings
from devstral_ls.release import version
from devstral_ls.remote.parcel import Send
from devstral_ls.server import capabilities
from devstral_ls.server.lifecycle import EXIT_UNEXPECTED, watch_process
from devstral_ls.server.messages import (
    INVALID_PARAMS,
    NOT_INITIALIZED,
    REQUEST_CANCELLED,
    Message,
    Refusal,
    error_frame,
    is_request,
    read,
    result_frame,
)
from devstral_ls.server.wire import Reader, Writer

if TYPE_CHECKING:  # what knows LSP is imported once the editor has its reply
    from devstral_ls.server.assembly import Assembly
    from devstral_ls.server.loading import OpenEngine

_LOGGER = logging.getLogger(__name__)
_ASSEMBLY = "devstral_ls.server.assembly"


class Sink(Protocol):
    """Where frames go."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Conversation:
    """Hears every message: answers the greeting itself, and hands what follows to the server behind it.

    It calls `stop` with the exit code when the editor has said exit, and `gone`, from any thread, when it has died.
    """

    def __init__(
        self,
        sink: Sink,
        settings: Settings,
        open_engine: "OpenEngine | None" = None,
        *,
        stop: Callable[[int], None],
        gone: Callable[[], None],
        find_data_folder: Callable[[], Path] | None = None,
        send: Send | None = None,
    ) -> None:
        self._sink = sink
        self._settings = settings
        self._open_engine = open_engine
        self._stop = stop
        self._gone = gone
        self._find_data_folder = find_data_folder
        self._send = send
        self._behind: Assembly | None = None
        self._is_greeted = False
        self._waiting: list[Message] = []  # what comes in the half second after the greeting

    def receive(self, body: bytes) -> None:
        """Take one message as it came over the wire."""
        message = read(body)
        if isinstance(message, Refusal):
            self._refuse(None, message)
        elif self._behind is not None:
            self._behind.server.protocol.take(message)
        elif self._is_greeted:
            self._waiting.append(message)
        elif is_request(message):
            self._answer(message)
        elif message.get("method") == "exit":
            self._stop(EXIT_UNEXPECTED)
        else:
            _LOGGER.info("ignored a message before initialize")

    def exit_code(self) -> int:
        """The one to leave with if the editor is gone now."""
        return EXIT_UNEXPECTED if self._behind is None else self._behind.server.protocol.exit_code()

    async def end(self) -> None:
        """Cancel and answer what is under way, and write down what is to be kept; the model is not waited for."""
        if self._behind is not None:
            await self._behind.close()
        for message in filter(is_request, self._waiting):
            self._refuse(message["id"], Refusal(REQUEST_CANCELLED, "the request was cancelled"))

    def _answer(self, message: Message) -> None:
        """The editor's first request is to be initialize."""
        if message["method"] != "initialize":
            self._refuse(message["id"], Refusal(NOT_INITIALIZED, f"{message['method']} came before initialize"))
            return
        params = message.get("params")
        if where := capabilities.problem_with(params):
            self._refuse(message["id"], Refusal(INVALID_PARAMS, f"bad parameters for initialize at {where}"))
            return
        assert isinstance(params, dict)
        self._greet(message["id"], params)

    def _greet(self, message_id: int | str, params: dict[str, Any]) -> None:
        client = capabilities.client_of(params)
        options = params.get("initializationOptions")
        settings, _ = self._settings.changed_by(options if isinstance(options, dict) else {})
        told = {"name": "devstral-ls", "version": version()}
        reply = {"capabilities": capabilities.advertised(client, settings), "serverInfo": told}
        self._sink.write(result_frame(message_id, reply))
        self._is_greeted = True
        process_id = params.get("processId")
        if process_id is not None:
            watch_process(process_id, self._gone)
        if _ASSEMBLY in sys.modules:
            self._open(params)
        else:  # in a thread, so that the editor's death is noticed meanwhile
            importing = asyncio.get_running_loop().run_in_executor(None, import_module, _ASSEMBLY)
            importing.add_done_callback(partial(self._imported, params))

    def _imported(self, params: dict[str, Any], importing: "asyncio.Future[ModuleType]") -> None:
        error = importing.exception()
        if error is None:
            self._open(params)
            return
        _LOGGER.error("the server cannot start: %s", error)
        self._stop(EXIT_UNEXPECTED)

    def _open(self, params: dict[str, Any]) -> None:
        """From now on the server behind hears everything, in the order in which it came."""
        from devstral_ls.server.assembly import assemble  # noqa: PLC0415 - after the greeting

        self._behind = assemble(
            self._sink,
            self._settings,
            self._open_engine,
            params,
            stop=self._stop,
            data_folder=self._find_data_folder() if self._find_data_folder else None,
            send=self._send,
        )
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._behind.server.protocol.take(message)

    def _refuse(self, message_id: int | str | None, refusal: Refusal) -> None:
        _LOGGER.warning("refused a request: %s", refusal.words)
        self._sink.write(error_frame(message_id, refusal))


async def converse(
    source: BinaryIO,
    sink: BinaryIO,
    settings: Settings,
    open_engine: "OpenEngine | None" = None,
    find_data_folder: Callable[[], Path] | None = None,
    *,
    send: Send | None = None,
) -> int:
    """Serve the editor at the other end of `source` and `sink`; the exit code, once it has left.

    Without an `open_engine` it is the settings' model; without a data folder nothing is kept; without `send`
    no remote model is ever asked.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(code: int) -> None:
        if not stopped.done():
            stopped.set_result(code)

    def gone() -> None:
        """From any thread: the editor closed its end, or died."""
        loop.call_soon_threadsafe(lambda: stop(conversation.exit_code()))

    def deliver(body: bytes) -> None:
        """From the reader's thread."""
        loop.call_soon_threadsafe(receive, body)

    def receive(body: bytes) -> None:
        reader.taken()
        conversation.receive(body)

    writer = Writer(sink, gone)
    reader = Reader(source, deliver, gone)
    conversation = Conversation(
        writer, settings, open_engine, stop=stop, gone=gone, find_data_folder=find_data_folder, send=send
    )
    writer.start()
    reader.start()
    code = await stopped
    await conversation.end()
    writer.close()
    return code
