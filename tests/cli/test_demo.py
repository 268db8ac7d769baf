"""The demo, with the real server and a scripted model."""

import json
import sys
from pathlib import Path

import pytest

from devstral_ls.cli.demo import Server, perform
from devstral_ls.cli.demo_plain import PlainStage
from devstral_ls.cli.language_client import LanguageClient, ServerFailed

SERVER = Path(__file__).parent.parent / "server" / "scripted_server.py"
SAID = {"    lib": 'rary = Library("Main Street")\n', "assert len(": "library) == 1\n"}


def test_the_plain_demo(capsys: pytest.CaptureFixture[str]) -> None:
    """What fits is accepted, what does not is typed over, and silence is shown as such."""
    moments = perform(PlainStage(), Server("pebble", (sys.executable, str(SERVER), json.dumps(SAID))))
    assert [False, False, True, False, False] == [moment.is_accepted for moment in moments]
    shown = capsys.readouterr().out.splitlines()
    assert "devstral-ls completes test_library.py with pebble, on this machine alone" == shown[0]
    assert shown[4].startswith('test_library.py:15  assert library.find("Dune").year == … ')
    assert shown[5].startswith('test_library.py:19  lib«rary = Library("Main Street")» ')
    assert shown[7].startswith("test_library.py:22  assert len(«library) == 1» ")
    assert shown[9].startswith("2 suggestions, 1 accepted, ")


def test_a_server_that_dies_is_quoted() -> None:
    """The last words of a server that ended say why."""
    with (
        LanguageClient([sys.executable, "-c", "raise SystemExit('the model is gone')"]) as client,
        pytest.raises(ServerFailed, match="the server ended: the model is gone"),
    ):
        client.initialize(Path.cwd())
