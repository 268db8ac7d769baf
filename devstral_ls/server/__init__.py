"""The language server: LSP on stdin and stdout."""

import asyncio
import logging
import os
import sys
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from devstral_ls.config import Settings
from devstral_ls.errors import DevstralError
from devstral_ls.folders import data_folder
from devstral_ls.offline import seal
from devstral_ls.remote import CHOICE
from devstral_ls.remote.parcel import Send
from devstral_ls.server.conversation import converse
from devstral_ls.server.lifecycle import leave

if TYPE_CHECKING:  # only named here: it imports LSP's types
    from devstral_ls.server.loading import OpenEngine

__all__ = ["Network", "serve"]

_LOGGER = logging.getLogger(__name__)


class Network(Enum):
    """What a server may open: nothing, nothing but a courier to a remote server that its user chose, or anything."""

    NONE = auto()
    COURIER = auto()
    ANY = auto()


def serve(
    settings: Settings | None = None,
    *,
    open_engine: "OpenEngine | None" = None,
    network: Network = Network.COURIER,
) -> NoReturn:
    """Talk to the editor until it leaves, then end the process with the exit code that LSP names."""
    source, sink = _claim_stdio()
    _log_to_stderr()
    # Before the seal: this process keeps its sockets, and only it.
    send = None if network is Network.NONE else _send_by_courier(data_folder())
    if network is not Network.ANY:
        _give_up_the_network()
    asyncio.run(_converse_and_leave(source, sink, settings or Settings(), open_engine, send))
    raise AssertionError("the process has left")


async def _converse_and_leave(
    source: BinaryIO, sink: BinaryIO, settings: Settings, open_engine: "OpenEngine | None", send: Send | None
) -> None:
    # Within the loop: asyncio would wait for the threads that load or run the model.
    leave(await converse(source, sink, settings, open_engine, data_folder, send=send))


def _send_by_courier(folder: Path) -> Send | None:
    """The way to the remote server, where one is chosen; a choice that cannot be read is none."""
    if not (folder / CHOICE).exists():
        return None
    from devstral_ls.remote.choice import load  # noqa: PLC0415 - for start-up
    from devstral_ls.remote.courier import Courier  # noqa: PLC0415 - for start-up

    try:
        load(folder)
    except DevstralError as error:
        _LOGGER.warning("no remote model: %s", error)
        return None
    return Courier(folder).send


def _claim_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the protocol alone; what a library prints goes to stderr."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return source, sink


def _give_up_the_network() -> None:
    """Before anything else is started, so that it holds for all of it."""
    sealed = seal()
    if sealed.missing:
        _LOGGER.info("internet sockets are refused by the interpreter only: %s", sealed.missing)


def _log_to_stderr() -> None:
    """Log what we say ourselves; pygls quotes whole messages, and with them the user's text."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for name in ("pygls", "asyncio"):
        foreign = logging.getLogger(name)
        foreign.setLevel(logging.CRITICAL + 1)
        foreign.propagate = False
