"""A process that delivers parcels for one that has given up the network: started before, spoken to over pipes.

Lines of JSON: `{"id", "parcel"}` and `{"cancel"}` go in, `{"id", "reply"}` or `{"id", "error"}` come out.
Whoever owns it ends it by closing its input; it also ends with its owner, for then its input ends too.
"""

import json
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import Cancelled, DevstralError, NoConsent, RemoteError
from devstral_ls.remote.parcel import Parcel, Reply, as_json, from_json

MAX_TOGETHER = 2
MAX_WAITING = 8  # parcels under way or waiting; more are refused
END_S = 2.0
LATE_S = 10.0  # behind the deadline, for a process that had to start or to wait
_GONE = "the process that speaks to the remote server has ended; restart the language server"


class Courier:
    """Owns the process. Parcels may be sent from any thread."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "devstral_ls.remote", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Reply]] = {}
        self._n_sent = 0
        self._is_gone = False
        threading.Thread(target=self._listen, name="devstral-courier", daemon=True).start()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def send(self, parcel: Parcel, cancel: CancelToken) -> Reply:
        """The reply; raises `RemoteError` where there is none, and `Cancelled`."""
        future: Future[Reply] = Future()
        with self._lock:
            if self._is_gone:
                raise RemoteError(_GONE)
            if MAX_WAITING <= len(self._waiting):
                raise RemoteError(f"{MAX_WAITING} questions wait for the remote server already")
            self._n_sent += 1
            number = self._n_sent
            self._waiting[number] = future
        forget = cancel.on_cancel(lambda: self._say({"cancel": number}))
        try:
            self._say({"id": number, "parcel": as_json(parcel)})
            return future.result(parcel.deadline_ms / 1e3 + LATE_S)
        except TimeoutError:
            raise RemoteError("the process that speaks to the remote server does not answer") from None
        finally:
            forget()
            with self._lock:
                self._waiting.pop(number, None)

    def close(self) -> None:
        """End the process; what is under way is given up."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(END_S)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _say(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        line = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (OSError, ValueError):
            self._give_up()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._lock:
                future = self._waiting.pop(message["id"], None)
            if future is not None:
                _settle(future, message)
        self._give_up()

    def _give_up(self) -> None:
        """Answer everybody: the process is gone."""
        with self._lock:
            self._is_gone = True
            left, self._waiting = self._waiting, {}
        for future in left.values():
            _settle(future, {"kind": "RemoteError", "error": _GONE})


def work(source: IO[bytes], sink: IO[bytes], folder: Path) -> None:
    """The process: deliver what is asked on `source` until it ends."""
    from devstral_ls.remote.deliver import deliver  # noqa: PLC0415  only the process needs it

    under_way: dict[int, CancelToken] = {}
    lock = threading.Lock()

    def run(number: int, parcel: Parcel, cancel: CancelToken) -> None:
        told: dict[str, object]
        try:
            told = {"reply": asdict(deliver(parcel, folder, cancel))}
        except DevstralError as error:
            told = {"error": str(error), "kind": type(error).__name__}
        with lock:
            under_way.pop(number, None)
            sink.write(json.dumps({"id": number, **told}).encode() + b"\n")
            sink.flush()

    with ThreadPoolExecutor(MAX_TOGETHER, thread_name_prefix="parcels") as threads:
        for line in source:
            message = json.loads(line)
            if "cancel" in message:
                with lock:
                    found = under_way.get(message["cancel"])
                if found is not None:
                    found.cancel()
                continue
            cancel = CancelToken()
            with lock:
                under_way[message["id"]] = cancel
            threads.submit(run, message["id"], from_json(message["parcel"]), cancel)
        for cancel in list(under_way.values()):
            cancel.cancel("closed")


def _settle(future: "Future[Reply]", message: dict[str, Any]) -> None:
    if "reply" in message:
        future.set_result(Reply(**message["reply"]))
        return
    kinds: dict[str, type[DevstralError]] = {"Cancelled": Cancelled, "NoConsent": NoConsent}
    future.set_exception(kinds.get(message["kind"], RemoteError)(message["error"]))
