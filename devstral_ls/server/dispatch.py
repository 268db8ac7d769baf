"""Every message finds its handler here, and every request gets exactly one reply.

A request is a coroutine that starts from a snapshot taken in message order; where it supersedes, a newer
one ends the older one of the same document. A notification changes the session at once.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import (
    JsonRpcContentModified,
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcRequestCancelled,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import JsonRPCNotification, LanguageServerProtocol, lsp_method
from pygls.protocol.json_rpc import MsgId

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import DevstralError
from devstral_ls.server.from_lsp import tolerant_converter
from devstral_ls.server.lifecycle import EXIT_EXPECTED, EXIT_UNEXPECTED
from devstral_ls.server.messages import Message, is_request
from devstral_ls.server.session import Session, Snapshot

_LOGGER = logging.getLogger(__name__)

_SUPERSEDED = "superseded"
# `conversation` greets; pygls 2.1.1 answers the rest from a store that breaks lines at \f and U+2028 and costs
# 115 ms a key in 4 MiB.
_OURS = (
    types.INITIALIZE,
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
)


@dataclass(frozen=True, slots=True)
class Request:
    """How one method is answered."""

    answer: Callable[[Snapshot, Any, CancelToken], Awaitable[object]]
    empty: Callable[[], object] | None = None  # the reply when the answer fails; an error where there is none
    supersedes: bool = False


Requests = Mapping[str, Request]
Notifications = Mapping[str, Callable[[Session, Any], object]]


@dataclass(frozen=True, slots=True)
class _Answer:
    """A request on its way to its reply."""

    message_id: MsgId
    request: Request
    key: tuple[str, str] | None  # method and document, where a newer request supersedes this one
    cancel: CancelToken


class Protocol(LanguageServerProtocol):
    """pygls's protocol, held to LSP 3.18 where version 2.1.1 departs from it; each override says how it does."""

    _server: "Server"

    def __init__(self, server: "Server", converter: Converter) -> None:
        super().__init__(server, converter)
        self._is_shut_down = False
        self._running: dict[MsgId, tuple[_Answer, asyncio.Task[object]]] = {}
        self._newest: dict[tuple[str, str], MsgId] = {}

    def take(self, message: Message) -> None:
        """Take one message, which is JSON-RPC."""
        if "method" not in message:
            self._take_response(message)
        elif is_request(message):
            self._take_request(message)
        else:
            self._take_notification(message)

    async def end_all(self) -> None:
        """Cancel and answer what is under way; the model is not waited for."""
        tasks = [task for _, task in self._running.values()]
        for message_id in self._running:
            self._cancel(message_id, "closed")
        if tasks:
            await asyncio.wait(tasks)

    def exit_code(self) -> int:
        """The one to leave with now."""
        return EXIT_EXPECTED if self._is_shut_down else EXIT_UNEXPECTED

    def _take_request(self, message: Message) -> None:
        message_id, method = message["id"], message["method"]
        reason = self._reason_to_refuse(message_id, method)
        if reason is not None:
            self._refuse(message_id, reason)
            return
        try:
            structured = self.structure_message(message)
        except JsonRpcException as error:
            self._refuse(message_id, JsonRpcInvalidParams(f"bad parameters for {method}{_where(error)}"))
            return
        if self._is_stale(message):
            self._answer_stale(message_id, method)
            return
        self.handle_message(structured)

    def _is_stale(self, message: dict[str, Any]) -> bool:
        """Whether a request names another version of its document than the open one; Copilot's clients name one."""
        document = _document_in(message)
        version, uri = document.get("version"), document.get("uri")
        return isinstance(version, int) and version != self._server.session.version_of(str(uri))

    def _answer_stale(self, message_id: MsgId, method: str) -> None:
        request = self._server.requests.get(method)
        if request is None or request.empty is None:
            self._refuse(message_id, JsonRpcContentModified("the document has changed since"))
        else:
            self._send_response(message_id, result=request.empty())

    def _reason_to_refuse(self, message_id: MsgId, method: str) -> JsonRpcException | None:
        if message_id in self._running:
            return JsonRpcInvalidRequest(f"the id {message_id!r} is in use")
        if self._is_shut_down:
            return JsonRpcInvalidRequest(f"{method} came after shutdown")
        if method == types.INITIALIZE:
            return JsonRpcInvalidRequest("initialize came twice")
        is_known = method in self.fm.features or method in self.fm.builtin_features
        is_standard = self.get_message_type(method) is not None
        is_notification = method in self._server.heard or (is_standard and self.get_result_type(method) is None)
        return None if is_known and not is_notification else JsonRpcMethodNotFound(f"unknown method {method}")

    def _take_notification(self, message: Message) -> None:
        method = message["method"]
        if not isinstance(method, str) or (self._is_shut_down and method != types.EXIT):
            _LOGGER.info("ignored a notification after shutdown")
            return
        if self.get_message_type(method) is None:
            params = message.get("params")
            self.handle_message(JsonRPCNotification(method, self.VERSION, params if isinstance(params, dict) else {}))
            return
        try:
            structured = self.structure_message(message)
        except JsonRpcException as error:
            _LOGGER.warning("ignored %s with bad parameters%s", method, _where(error))
            self._server.session.lost(_document_in(message).get("uri"))
            return
        self.handle_message(structured)

    def _take_response(self, message: Message) -> None:
        """Hand the client's reply to whoever asked; what is no proper reply fails the question."""
        message_id = message.get("id")
        future = self._request_futures.get(message_id) if isinstance(message_id, str) else None
        if message_id is None or future is None or not ("result" in message or "error" in message):
            _LOGGER.info("ignored a message that is neither a request nor an expected reply")
            return
        try:
            self.handle_message(self.structure_message(message))
        except JsonRpcException as error:
            self._request_futures.pop(message_id, None)
            if not future.done():
                future.set_exception(error)

    def _refuse(self, message_id: MsgId, error: JsonRpcException) -> None:
        _LOGGER.warning("refused a request: %s", error)
        response = {"jsonrpc": self.VERSION, "id": message_id, "error": {"code": error.code, "message": error.message}}
        self._send_data(response)

    # Overrides of pygls 2.1.1

    def _register_builtin_features(self) -> None:
        """Keep pygls's commands and farewell, not its greeting and documents."""
        super()._register_builtin_features()  # type: ignore[no-untyped-call]  # pygls 2.1.1
        for method in _OURS:
            del self.fm.builtin_features[method]

    def _handle_request(self, msg_id: MsgId, method_name: str, params: Any) -> None:
        """Take the snapshot now: pygls starts a coroutine one step later, when newer messages may have changed it."""
        request = self._server.requests.get(method_name)
        if request is None:
            super()._handle_request(msg_id, method_name, params)
            return
        key = (method_name, str(params.text_document.uri)) if request.supersedes else None
        answer = _Answer(msg_id, request, key, CancelToken())
        task = asyncio.ensure_future(self._run(answer, self._server.session.snapshot(), params))
        task.add_done_callback(partial(self._reply, answer))
        self._running[msg_id] = answer, task
        self._supersede(key, msg_id)

    def _handle_cancel_notification(self, msg_id: MsgId) -> None:
        """End a request: pygls knows only those that it started itself."""
        if isinstance(msg_id, (int, str)) and msg_id in self._running:
            self._cancel(msg_id, "cancelled")

    def _handle_response(self, msg_id: MsgId, result: Any = None, error: types.ResponseError | None = None) -> None:
        """Drop a reply nobody waits for: pygls raises InvalidStateError (its issue 621)."""
        if self._request_futures[msg_id].done():
            del self._request_futures[msg_id]
            return
        super()._handle_response(msg_id, result, error)

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """End what runs: pygls ends only the requests that it started itself."""
        self._is_shut_down = True
        for msg_id in list(self._running):
            self._cancel(msg_id, "shutdown")
        yield from super().lsp_shutdown(*args)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_args: Any) -> Generator[Any, Any, None]:
        """End the conversation: pygls raises SystemExit in the loop, and then waits for its threads."""
        self._server.stop(self.exit_code())
        yield from ()

    # The life of an answer

    async def _run(self, answer: _Answer, snapshot: Snapshot, params: Any) -> object:
        try:
            return await answer.request.answer(snapshot, params, answer.cancel)
        except JsonRpcException:
            raise
        except Exception as error:  # noqa: BLE001 - the request boundary: whatever happened, there is one reply
            _log_crash(error)
            if answer.request.empty is None:
                raise JsonRpcInternalError(f"{type(error).__name__}; the log says where") from None
            return answer.request.empty()

    def _reply(self, answer: _Answer, task: "asyncio.Task[object]") -> None:
        """Send the one reply that `answer` gets."""
        del self._running[answer.message_id]
        if answer.key is not None and self._newest.get(answer.key) == answer.message_id:
            del self._newest[answer.key]
        if not task.cancelled():
            error = task.exception()
            if isinstance(error, JsonRpcException):
                self._refuse(answer.message_id, error)
            else:
                self._send_response(answer.message_id, result=task.result())
        elif answer.cancel.reason == _SUPERSEDED and answer.request.empty is not None:
            self._send_response(answer.message_id, result=answer.request.empty())
        else:
            self._refuse(answer.message_id, JsonRpcRequestCancelled("the request was cancelled"))

    def _supersede(self, key: tuple[str, str] | None, newer: MsgId) -> None:
        """End the older request under `key`: Neovim 0.12, for one, never cancels what it no longer wants."""
        if key is None:
            return
        older = self._newest.get(key)
        if older is not None:
            self._cancel(older, _SUPERSEDED)
        self._newest[key] = newer

    def _cancel(self, msg_id: MsgId, reason: str) -> None:
        answer, task = self._running[msg_id]
        answer.cancel.cancel(reason)
        task.cancel()


class Server(LanguageServer):
    """The pygls server around one session."""

    protocol: Protocol

    session: Session
    requests: Requests
    heard: frozenset[str]  # the notifications that we know

    def __init__(self, *, stop: Callable[[int], None]) -> None:
        super().__init__("devstral-ls", "", protocol_cls=Protocol, converter_factory=tolerant_converter)
        self.stop = stop

    def attach(
        self, session: Session, requests: Requests, notifications: Notifications, commands: Sequence[str]
    ) -> None:
        """Answer for this session from now on."""
        self.session = session
        self.requests = requests
        self.heard = frozenset(notifications)
        for method, request in requests.items():
            self.feature(method)(request.answer)
        for method, take in notifications.items():
            self.feature(method)(partial(take, session))
        for command in commands:
            self.command(command)(_advertised)

    def report_server_error(self, error: Exception, source: object) -> None:
        """Log what failed; pygls would show a box to somebody who is typing."""
        _LOGGER.error("a notification could not be handled: %s (%s)", type(error).__name__, source)
        trace = getattr(error, "data", None)
        if isinstance(trace, dict):
            _LOGGER.error("%s", "".join(trace.get("traceback", ())))


def _advertised() -> None:
    """Stands for a command in pygls's list of them; `workspace/executeCommand` is answered as any request."""


def _log_crash(error: Exception) -> None:
    """Log where `error` was raised; the words of a foreign error might quote the user's text."""
    is_ours = isinstance(error, (DevstralError, ImportError))
    words = f"{type(error).__name__}: {error}" if is_ours else type(error).__name__
    _LOGGER.error("%s\n%s", words, "".join(traceback.format_tb(error.__traceback__)))


def _where(error: JsonRpcException) -> str:
    """Which parameter is wrong, as ` at params.position.line`, without its value; empty when that is unknown."""
    from cattrs import transform_error  # noqa: PLC0415 - for start-up: only bad input needs it

    cause = error.__cause__
    if cause is None:
        return ""
    paths = [line.rpartition("@ $.")[2] for line in transform_error(cause)]
    return f" at {', '.join(sorted(set(paths)))}" if paths else ""


def _document_in(message: dict[str, Any]) -> dict[str, Any]:
    """What a message says of the document that it speaks of, as far as that can be read."""
    params = message.get("params")
    document = params.get("textDocument") if isinstance(params, dict) else None
    return document if isinstance(document, dict) else {}
