"""From the first byte to the exit code: phases, what each refuses, and who is watched."""

import logging
import os
import select
import sys
import threading
from collections.abc import Callable
from enum import Enum, auto

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidRequest, JsonRpcServerNotInitialized

_LOGGER = logging.getLogger(__name__)

PARENT_POLL_S = 1.0  # death is noticed within two seconds where it cannot be waited for

_MAX_PROCESS_ID = 2**31 - 1


class Phase(Enum):
    """How far the conversation is."""

    WAITING = auto()  # for initialize
    RUNNING = auto()
    SHUT_DOWN = auto()  # only exit is left


def refusal(phase: Phase, method: str) -> JsonRpcException | None:
    """Why a request for `method` cannot be answered now, or None when it can."""
    is_initialize = method == types.INITIALIZE
    if phase is Phase.SHUT_DOWN:
        return JsonRpcInvalidRequest(f"{method} came after shutdown")
    if phase is Phase.WAITING and not is_initialize:
        return JsonRpcServerNotInitialized(f"{method} came before initialize")
    if phase is Phase.RUNNING and is_initialize:
        return JsonRpcInvalidRequest("initialize came twice")
    return None


def is_heard(phase: Phase, method: str) -> bool:
    """Whether a notification counts in this phase; exit always does."""
    return phase is Phase.RUNNING or method == types.EXIT


def exit_code(phase: Phase) -> int:
    """0 when the client said goodbye with shutdown, else 1."""
    return 0 if phase is Phase.SHUT_DOWN else 1


def watch_process(process_id: int, died: Callable[[], None]) -> None:
    """Call `died`, from another thread, when the process ends.

    A process that cannot be seen from here, as from inside a container, is not watched: stdin tells its end.
    """
    wait = _waiter(process_id)
    if wait is None:
        _LOGGER.info("process %d of the client cannot be seen from here; not watched", process_id)
        return

    def watch() -> None:
        wait()
        died()

    threading.Thread(target=watch, name="devstral-parent", daemon=True).start()


def leave(code: int) -> None:
    """End the process now: no thread, and so no generation, is waited for."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


def _waiter(process_id: int) -> Callable[[], object] | None:
    """A call that returns when the process has ended, or None when there is no such process to see."""
    if not 0 < process_id <= _MAX_PROCESS_ID:
        return None
    if sys.platform == "win32":
        return _windows_waiter(process_id)
    if not _is_alive(process_id):
        return None
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(process_id)
        except OSError:  # an old kernel, or a sandbox
            return lambda: _poll(process_id)
        return lambda: select.select([descriptor], [], [])
    return lambda: _poll(process_id)


def _poll(process_id: int) -> None:
    pause = threading.Event()
    while _is_alive(process_id):
        pause.wait(PARENT_POLL_S)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _windows_waiter(process_id: int) -> Callable[[], object] | None:
    """Like `_waiter`: on Windows os.kill(pid, 0) would end the process, so its handle is waited for."""
    import ctypes  # noqa: PLC0415 - only where it is needed

    synchronize, infinite = 0x00100000, 0xFFFFFFFF
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore] # exists on Windows only
    process = kernel.OpenProcess(synchronize, False, process_id)
    return (lambda: kernel.WaitForSingleObject(process, infinite)) if process else None
