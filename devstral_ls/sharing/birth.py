"""How a process becomes the shared engine: out of the tree of the server that starts it, and offline for good."""

import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from devstral_ls.offline import seal
from devstral_ls.sharing.limits import Start, read_start
from devstral_ls.sharing.meeting import READY

if TYPE_CHECKING:  # heavy; imported behind the fork
    from devstral_ls.engine.engine import Engine


def be_born(argument: str, open_engine: "Callable[[Start], Engine]") -> NoReturn:
    """Fork away from the starting server and serve; its half ends at once.

    It serves offline and online servers alike, and has no use for a network, so it gives that up first.
    """
    if os.fork():
        os._exit(0)
    start = read_start(argument)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    seal()
    from devstral_ls.sharing.daemon import run_daemon  # noqa: PLC0415 - imports the engine

    os.chdir("/")
    run_daemon(start, open_engine, _say_ready)


def _say_ready() -> None:
    """To the server that waits at the other end of stdout."""
    os.write(1, READY)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
