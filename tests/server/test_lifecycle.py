"""Birth and death of the real process: exit codes, closed pipes, dead parents, light start."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from server_fixtures import StartProcess

ROOT = Path(__file__).parent.parent.parent
HEAVY = {"numpy", "onnxruntime", "tokenizers", "jedi", "tree_sitter", "parso"}
PARENT_LIMIT_S = 2.0
EOF_LIMIT_S = 1.0


def test_shutdown_then_exit_is_code_0(process: StartProcess) -> None:
    """The polite end."""
    editor, server = process()
    editor.initialize()
    editor.shut_down()
    assert 0 == server.wait(20)


def test_exit_without_shutdown_is_code_1(process: StartProcess) -> None:
    """The rude end, as LSP says."""
    editor, server = process()
    editor.initialize()
    editor.notify("exit")
    assert 1 == server.wait(20)


def test_exit_before_initialize_is_code_1(process: StartProcess) -> None:
    """Exit counts in every phase."""
    editor, server = process()
    editor.notify("exit")
    assert 1 == server.wait(20)


def test_requests_under_way_are_answered_at_shutdown(process: StartProcess) -> None:
    """A gated generation is cancelled, answered, and does not hold up the exit."""
    editor, server = process("gated")
    editor.initialize()
    editor.open("import ")
    request = editor.request_inline(0, 7)
    editor.shut_down()
    assert 0 == server.wait(20)
    editor.hear_out()
    assert -32800 == editor.error_code(request)


def test_the_end_of_input_never_waits_for_a_generation(process: StartProcess) -> None:
    """The editor closes the pipe while the model stands at a gate that nobody opens."""
    editor, server = process("gated")
    editor.initialize()
    editor.open("import ")
    editor.request_inline(0, 7)
    editor.reply(editor.request("no/such"))
    start_s = time.monotonic()
    editor.to_server.close()
    assert 1 == server.wait(20)
    assert time.monotonic() - start_s < EOF_LIMIT_S


@pytest.mark.skipif(sys.platform == "win32", reason="there the handle of the parent is waited for")
def test_a_dead_parent_is_noticed(process: StartProcess) -> None:
    """The editor process dies without closing the pipe, which somebody else still holds."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as parent:
        editor, server = process()
        editor.initialize(processId=parent.pid)
        parent.kill()
        start_s = time.monotonic()
        assert 1 == server.wait(20)
        assert time.monotonic() - start_s < PARENT_LIMIT_S


def test_a_parent_out_of_sight_is_not_missed(process: StartProcess) -> None:
    """In a container the editor's process number means nothing."""
    editor, server = process()
    editor.initialize(processId=2**22 + 1)
    editor.shut_down()
    assert 0 == server.wait(20)


def test_nothing_heavy_is_imported_before_initialize() -> None:
    """The edge loads in a moment; the model's libraries come with the model."""
    code = "import sys, devstral_ls.server; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set() == HEAVY & set(run.stdout.split())


def test_what_a_library_prints_does_not_reach_the_client(process: StartProcess) -> None:
    """Stdout belongs to the protocol; a stray print goes to stderr."""
    editor, server = process("prints")
    editor.initialize()
    editor.open("import ")
    assert ["os"] == editor.inline(0, 7)
    editor.shut_down()
    assert b"a stray line" in server.communicate()[1]


def test_logs_hold_no_source(process: StartProcess) -> None:
    """Neither good nor bad messages leave the user's text in the log."""
    editor, server = process()
    editor.initialize()
    editor.open("import secret_name\nimport ")
    editor.inline(1, 7)
    editor.change(2, {"text": "secret_name = ", "range": {"start": {"line": "secret_name"}}})
    editor.request("textDocument/inlineCompletion", {"position": "secret_name"})
    editor.request("secret/name", {"secret_name": 1})
    editor.shut_down()
    assert b"secret_name" not in server.communicate()[1]
