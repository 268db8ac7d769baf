"""The model reads before anybody types, and only there where that saves something."""

import time
from pathlib import Path

import pytest
from editor import PATIENCE_S, URI, Editor
from server_fixtures import Connect

from devstral_ls.engine.request import Priority
from devstral_ls.server import warming

FUNCTION = "def add(a, b):\n    return a + b\n\n\n"
TEXT = FUNCTION * 30


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "PAUSE_S", 0.0)


def n_read_ahead(editor: Editor) -> int:
    """Tokens that were read before anybody asked."""
    recent = editor.ask("devstral/metrics")["recent"]
    return sum(each["n_prefilled_tokens"] for each in recent if each["priority"] == Priority.PREFILL)


def wait_for_reading(editor: Editor, more_than: int = 0) -> int:
    """Ask until the model has read more than so many tokens ahead."""
    deadline_s = time.monotonic() + PATIENCE_S
    while (n_read := n_read_ahead(editor)) <= more_than:
        assert time.monotonic() < deadline_s, "nothing was read ahead"
    return n_read


def stop_cursor(editor: Editor, line: int, only: list[str] | None = None) -> None:
    """What VS Code asks wherever the cursor stops, and on save for the whole document."""
    place = {"line": line, "character": 0}
    context = {"diagnostics": [], **({"only": only} if only else {})}
    editor.ask(
        "textDocument/codeAction",
        {"textDocument": {"uri": URI}, "range": {"start": place, "end": place}, "context": context},
    )


def read_for_typing(editor: Editor, line: int) -> int:
    """Tokens that the model had to read for a request there."""
    editor.inline(line, 0)
    recent = editor.ask("devstral/metrics")["recent"]
    return [each["n_prefilled_tokens"] for each in recent if each["priority"] == Priority.TYPING][-1]


def test_what_is_opened_is_read(connect: Connect) -> None:
    """At its end, where there is no better guess: whoever types there waits for nothing but the answer."""
    editor = connect().editor
    editor.initialize()
    editor.open(TEXT)
    wait_for_reading(editor)
    assert 1 == read_for_typing(editor, TEXT.count("\n"))


def test_where_the_cursor_jumps_is_read(connect: Connect) -> None:
    """The request that follows a jump reads one token; one at a place where nobody was reads the whole window."""
    editor = connect().editor
    editor.initialize()
    editor.open(TEXT)
    n_first = wait_for_reading(editor)
    stop_cursor(editor, 10)
    wait_for_reading(editor, n_first)
    assert 1 == read_for_typing(editor, 10)
    assert 100 < read_for_typing(editor, 58)


def test_editors_may_say_where_the_cursor_is(connect: Connect) -> None:
    """For editors that ask for nothing there; a place that is none is ignored."""
    editor = connect().editor
    editor.initialize()
    editor.open(TEXT)
    n_first = wait_for_reading(editor)
    for position in ({"line": -1, "character": 0}, {"line": "1", "character": 0}, None, {"line": 10, "character": 0}):
        editor.notify("devstral/didMoveCursor", {"textDocument": {"uri": URI}, "position": position})
    wait_for_reading(editor, n_first)
    assert 1 == read_for_typing(editor, 10)


def test_steps_are_no_jumps(connect: Connect) -> None:
    """Nor is a fix on save, which speaks of the whole document."""
    editor = connect().editor
    editor.initialize()
    editor.open(TEXT)
    wait_for_reading(editor)
    for n_up in (1, 2, 3, 2):
        stop_cursor(editor, TEXT.count("\n") - n_up)
    stop_cursor(editor, 0, only=["source.fixAll"])
    recent = editor.ask("devstral/metrics")["recent"]
    assert [Priority.PREFILL] == [each["priority"] for each in recent]


@pytest.mark.parametrize("given", [{"read_ahead": False}, {"disabled_languages": ["python"]}])
def test_nothing_is_read_where_that_is_unwanted(connect: Connect, given: dict[str, object]) -> None:
    editor = connect().editor
    editor.initialize(initializationOptions=given)
    editor.open(TEXT)
    stop_cursor(editor, 10)
    stop_cursor(editor, 50)
    assert 0 == n_read_ahead(editor)


def test_what_takes_long_to_parse_is_not_read(connect: Connect) -> None:
    """A huge text is read when somebody types in it."""
    editor = connect().editor
    editor.initialize()
    editor.open("x = 1\n" * (warming.MAX_CHARACTERS // 6 + 1))
    stop_cursor(editor, 10)
    stop_cursor(editor, 5_000)
    assert 0 == n_read_ahead(editor)


def test_a_new_index_is_read(connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the files of the project are known, what the model is told of them is read before the next key."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "root"
    root.mkdir()
    uri = (root / "main.py").as_uri()
    (root / "bank.py").write_text("class Account:\n    def pay(self, amount): ...\n")
    editor = connect().editor
    editor.initialize(workspaceFolders=[{"uri": root.as_uri(), "name": "root"}])
    editor.open(FUNCTION, uri=uri)
    wait_for_reading(editor, wait_for_reading(editor))
    editor.inline(4, 0, uri=uri)
    typed = [each for each in editor.ask("devstral/metrics")["recent"] if each["priority"] == Priority.TYPING]
    assert 1 == typed[-1]["n_prefilled_tokens"]
