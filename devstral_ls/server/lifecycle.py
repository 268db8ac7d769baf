"""Who is watched while the server runs, and how it ends."""

import logging
import os
import select
import sys
import threading
from collections.abc import Callable

_LOGGER = logging.getLogger(__name__)

EXIT_EXPECTED, EXIT_UNEXPECTED = 0, 1  # whether the client said goodbye with shutdown
PARENT_POLL_S = 1.0  # death is noticed within two seconds where it cannot be waited for

_MAX_PROCESS_ID = 2**31 - 1


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
