"""How the command starts: at once, and with help that lists what there is."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from devstral_ls.cli.app import run
from devstral_ls.cli.choices import settings_of
from devstral_ls.config import Settings

HEAVY = ("numpy", "onnxruntime", "tokenizers", "jedi", "tree_sitter", "pygls", "lsprotocol", "asyncio", "pygments")


def test_nothing_heavy_is_loaded_for_help() -> None:
    """Every command imports its features when it runs."""
    program = (
        "import sys; from devstral_ls.cli.app import app_for; app_for([]);"
        f"print(*(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "\n" == done.stdout


def test_a_command_loads_no_other() -> None:
    """Editors wait for `serve` to start."""
    program = (
        "import sys; from devstral_ls.cli.app import app_for; app_for(['serve', '--offline']);"
        "print(*(name for name in ('doctor', 'model', 'demo') if f'devstral_ls.cli.{name}' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "\n" == done.stdout


@pytest.mark.parametrize("options", [(), ("--shared",), ("--in-process",), ("--offline",)])
def test_the_server_loads_nothing_of_a_terminal(options: tuple[str, ...]) -> None:
    """When it is started as editors start it; with that it would take twice as long to answer."""
    program = [sys.executable, "-X", "importtime", "-m", "devstral_ls", "serve", *options]
    done = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert "devstral_ls.server" in done.stderr
    assert "typer" not in done.stderr


@pytest.fixture
def as_in_a_terminal() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.usefixtures("as_in_a_terminal")
def test_a_server_in_a_terminal_ends_quietly() -> None:
    """Somebody tries it by hand, and presses Ctrl-C."""
    program = [sys.executable, "-m", "devstral_ls", "serve"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        greeting = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
        server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(greeting), greeting))
        server.stdin.flush()
        assert server.stdout.readline().startswith(b"Content-Length")
        server.send_signal(signal.SIGINT)
        assert 130 == server.wait(20)
        assert b"Traceback" not in server.stderr.read()


def test_the_server_without_options_is_the_one_with_defaults() -> None:
    """It is started in two ways."""
    assert Settings() == settings_of(model="", provider="cpu", n_threads=0, share_engine=False)


@pytest.mark.parametrize("command", ["serve", "complete", "demo", "doctor", "eval", "model"])
def test_every_command_explains_itself(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """`--help` works everywhere and costs nothing."""
    assert run([command, "--help"]) == 0
    assert f"Usage: devstral-ls {command}" in capfd.readouterr().out


def test_the_version_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a command."""
    assert 0 == run(["--version"])
    assert capfd.readouterr().out.startswith("devstral-ls ")


def test_nothing_asked_is_answered_with_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    """And with nothing else."""
    assert 0 == run([])
    told = capfd.readouterr()
    assert "Usage: devstral-ls" in told.out
    assert not told.err
