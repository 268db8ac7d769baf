"""The connected editor, as the session speaks to it: over pygls, and never waited for."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from devstral_ls.server.progress import IndexProgress, Progress
from devstral_ls.server.status import Status

_LOGGER = logging.getLogger(__name__)


class Link:
    """Tells and asks the editor; a question that it fails to answer is given up with a line in the log."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server

    def tell(self, name: str, status: Status) -> None:
        told = {"kind": status.kind.value, "message": status.message, "busy": status.is_busy}
        self._server.protocol.notify(name, told)

    def log(self, line: str) -> None:
        _LOGGER.warning("%s", line)
        self._server.window_log_message(types.LogMessageParams(types.MessageType.Warning, line))

    def publish(self, found: types.PublishDiagnosticsParams) -> None:
        self._server.text_document_publish_diagnostics(found)

    def watch_index(self, folder: Path, done: Callable[[], None], *, is_shown: bool) -> IndexProgress:
        return IndexProgress(lambda: Progress(self._server, f"Indexing {folder.name}", is_shown=is_shown), done)

    def ask_settings(self, section: str, answered: Callable[[object], None]) -> None:
        def take(answer: "Future[Sequence[Any]]") -> None:
            if (values := _result(answer)) is not None:
                answered(next(iter(values), None))

        items = [types.ConfigurationItem(section=section)]
        self._server.workspace_configuration(types.ConfigurationParams(items)).add_done_callback(take)

    def choose(self, question: str, choices: Sequence[str], answered: Callable[[str | None], None]) -> None:
        def take(answer: "Future[types.MessageActionItem | None]") -> None:
            failed = answer.cancelled() or answer.exception() is not None
            chosen = None if failed else answer.result()
            answered(chosen.title if isinstance(chosen, types.MessageActionItem) else None)

        actions = [types.MessageActionItem(choice) for choice in choices]
        params = types.ShowMessageRequestParams(types.MessageType.Info, question, actions)
        self._server.window_show_message_request(params).add_done_callback(take)

    def say(self, words: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Info, words))

    def watch_settings(self, section: str) -> None:
        self._register("settings", types.WORKSPACE_DID_CHANGE_CONFIGURATION, {"section": section})

    def watch_files(self, patterns: Sequence[str]) -> None:
        watchers = [{"globPattern": pattern} for pattern in patterns]
        self._register("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, {"watchers": watchers})

    def _register(self, name: str, method: str, options: dict[str, object]) -> None:
        registration = types.Registration(id=name, method=method, register_options=options)
        self._server.client_register_capability(types.RegistrationParams([registration])).add_done_callback(_result)


def _result(answer: "Future[Sequence[Any]] | Future[None]") -> list[object] | None:
    """What the editor answered, or None when it failed to."""
    error = None if answer.cancelled() else answer.exception()
    if answer.cancelled() or error is not None:
        _LOGGER.warning("the editor did not answer a question: %s", type(error).__name__)
        return None
    result = answer.result()
    return list(result) if isinstance(result, (list, tuple)) else None
