"""Real processes with the embedded model: who shares, who dies, who is refused, and what the others notice."""

import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen, run

import pytest
from shared_fixtures import PATIENCE_S, Asker

from devstral_ls.cli.examination import sharing as sharing_finding
from devstral_ls.config import Settings
from devstral_ls.engine import embedded_bundle
from devstral_ls.sharing import look

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become another user"
)
StartAsker = Callable[..., Asker]
PREFIX = "def add(a, b):\n    return "
LONG = {"is_fix": True, "max_tokens": 1500, "n_drawn": 200}  # many seconds, if nobody ends it


def test_two_servers_share_one_engine(asker: StartAsker) -> None:
    """The first one starts it, the second one finds it; both get the same words."""
    first, second = asker(), asker()
    one, other = first.ask(PREFIX), second.ask(PREFIX)
    assert one["texts"] == other["texts"] != []
    assert one["pid"] == other["pid"]
    assert {first.process.pid, second.process.pid} == set(other["clients"])


def test_a_killed_engine_costs_one_empty_answer(asker: StartAsker) -> None:
    """`kill -9` in the middle of a request: nothing comes of it, and a new engine answers the next one."""
    editor = asker()
    before = editor.ask(PREFIX)
    editor.start_asking(PREFIX, **LONG)
    wait_until_busy()
    os.kill(before["pid"], signal.SIGKILL)
    assert [] == editor.answer()["texts"]
    after = editor.ask(PREFIX)
    assert before["texts"] == after["texts"]
    assert after["is_shared"]
    assert before["pid"] != after["pid"]


@pytest.mark.slow
def test_an_engine_that_keeps_dying_is_replaced_by_our_own(asker: StartAsker) -> None:
    """Killed twice within minutes: the model is loaded in the server itself."""
    editor = asker()
    texts = []
    for _ in range(2):
        answer = editor.ask(PREFIX)
        texts.append(answer["texts"])
        editor.start_asking(PREFIX, **LONG)
        wait_until_busy()
        os.kill(answer["pid"], signal.SIGKILL)
        assert [] == editor.answer()["texts"]
    last = editor.ask(PREFIX)
    assert not last["is_shared"]
    assert [last["texts"]] * 2 == texts


def test_a_killed_client_leaves_nothing_behind(asker: StartAsker) -> None:
    """Its long request ends with it: the other's is answered, and it is no client any more."""
    doomed, other = asker(), asker()
    doomed.ask(PREFIX)
    doomed.start_asking(PREFIX, **LONG)
    wait_until_busy()
    doomed.kill()
    assert [other.process.pid] == other.ask(PREFIX)["clients"]


@pytest.mark.slow
def test_a_stale_socket_is_replaced(asker: StartAsker, runtime: Path) -> None:
    """What a killed engine leaves in the folder is in nobody's way."""
    first = asker()
    os.kill(first.ask(PREFIX)["pid"], signal.SIGKILL)
    first.kill()
    assert [path for path in runtime.iterdir() if path.is_socket()]
    assert asker().ask(PREFIX)["is_shared"]


def test_an_open_folder_is_refused(asker: StartAsker, runtime: Path) -> None:
    """A folder into which others may look holds no socket of ours; the server has its own engine."""
    runtime.chmod(0o770)
    answer = asker().ask(PREFIX)
    assert not answer["is_shared"]
    assert [] != answer["texts"]
    assert [] == list(runtime.iterdir())


def test_doctor_counts_who_shares(asker: StartAsker, runtime: Path) -> None:
    """`look` is what it asks; the socket has mode 0600."""
    one, other = asker(), asker()
    one.ask(PREFIX)
    other.ask(PREFIX)
    finding = sharing_finding(Settings(n_threads=1), embedded_bundle())
    assert finding.words.endswith("serves 2 servers")
    assert [0o600] == [path.stat().st_mode & 0o777 for path in runtime.iterdir() if path.is_socket()]


NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", os.path.realpath(sys.executable), "-c")
CONNECT = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(len(s.recv(1)))"
LISTEN = (
    "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(flush=True); input()"
)


@needs_root
def test_another_user_is_refused(asker: StartAsker, runtime: Path) -> None:
    """The folder keeps others out; were it opened, the kernel would still say who comes."""
    assert asker().ask(PREFIX)["is_shared"]
    path = next(path for path in runtime.iterdir() if path.is_socket())
    kept_out = run([*NOBODY, CONNECT, path], capture_output=True, text=True, check=False)
    assert "PermissionError" in kept_out.stderr
    runtime.chmod(0o777)
    path.chmod(0o777)
    shown_out = run([*NOBODY, CONNECT, path], capture_output=True, text=True, check=False)
    assert "0" == shown_out.stdout.strip(), shown_out.stderr


@pytest.mark.slow
@needs_root
def test_the_engine_of_another_user_is_not_trusted(asker: StartAsker, runtime: Path) -> None:
    """Somebody else listens where our engine would: nothing is sent there."""
    assert asker().ask(PREFIX)["is_shared"]
    path = next(path for path in runtime.iterdir() if path.is_socket())
    path.unlink()
    runtime.chmod(0o777)
    with Popen([*NOBODY, LISTEN, path], stdin=PIPE, stdout=PIPE) as impostor:
        assert impostor.stdout is not None
        assert impostor.stdout.readline()
        runtime.chmod(0o700)
        answer = asker().ask(PREFIX)
        impostor.communicate(b"\n")
    assert not answer["is_shared"]
    assert [] != answer["texts"]


@pytest.mark.slow
def test_another_version_gets_another_engine(asker: StartAsker) -> None:
    """Two installations side by side do not meet, and both work."""
    one, other = asker().ask(PREFIX), asker(wanted={"version": "0.0.1"}).ask(PREFIX)
    assert one["texts"] == other["texts"]
    assert one["is_shared"]
    assert other["is_shared"]
    assert 1 == len(one["clients"])


@pytest.mark.slow
def test_nobody_needs_it(asker: StartAsker, runtime: Path) -> None:
    """Without a client it leaves soon, with idle ones later; the next request starts another."""
    editor = asker(limits={"idle_s": 1.0, "left_s": 0.2})
    first = editor.ask(PREFIX)
    wait_for_the_end_of(first["pid"])
    assert [] == [path for path in runtime.iterdir() if path.is_socket()]
    second = editor.ask(PREFIX)
    assert second["is_shared"]
    assert first["texts"] == second["texts"]
    editor.kill()
    wait_for_the_end_of(second["pid"])


def test_the_engine_has_no_network(asker: StartAsker) -> None:
    """Started by an offline or an online server, it has given up internet sockets itself."""
    for is_offline in (True, False):
        client = asker(offline=is_offline, wanted={"n_threads": 1 + is_offline})
        client.start_asking(PREFIX)
        client.answer()
    pids = {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if is_ours(path)}
    assert {"2"} == {seccomp_mode(pid) for pid in pids}


def wait_until_busy() -> None:
    """Until the engine works on a request."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (state := look(embedded_bundle(), n_threads=1)) or not state["n_requests"]:
        assert time.monotonic() < deadline_s, "nobody asked"
        time.sleep(0.01)


def is_ours(path: Path) -> bool:
    try:
        return b"devstral_ls.sharing" in path.read_bytes()
    except OSError:
        return False


def seccomp_mode(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return status.partition("Seccomp:")[2].split()[0]


def wait_for_the_end_of(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    assert select.select([descriptor], [], [], 20)[0], "it stayed"
