"""Ghost text over the wire: what is shown, what is superseded, what is never null."""

from typing import Any

import pytest
from editor import URI, Editor, inline_params, insertion
from server_fixtures import Connect

HALF = "def add(a, b):\n    return"


def between(line: int, start: int, end: int) -> dict[str, Any]:
    """A range on one line."""
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


def test_the_capability_is_advertised(connect: Connect) -> None:
    """Editors ask only servers that say so; pygls says nothing without an options object."""
    result = connect().editor.initialize()
    assert {} == result["capabilities"]["inlineCompletionProvider"]


def test_a_suggestion_is_shown(editor: Editor) -> None:
    """What the model says at the cursor comes back as an item."""
    editor.open(HALF)
    assert ["return a + b"] == editor.inline(1, 10)


def test_the_range_covers_the_typed_word_on_one_line(editor: Editor) -> None:
    """Editors match what is typed with the start of the item, so that typing on does not make it flicker."""
    editor.open(HALF)
    item = editor.result(editor.request_inline(1, 10))["items"][0]
    assert between(1, 4, 10) == item["range"]


def test_the_snapshot_is_taken_in_message_order(editor: Editor) -> None:
    """A change sent right behind the request is not seen by it."""
    editor.open(HALF)
    request = editor.request_inline(1, 10)
    editor.change(2, {"text": "import "})
    assert ["return a + b"] == editor.texts(request)
    assert ["os"] == editor.inline(0, 7)


@pytest.mark.parametrize("kind", [0, 1, 2, 7])
def test_trigger_kinds_of_all_clients_are_understood(editor: Editor, kind: int) -> None:
    """Clients before 3.18 count from 0, and later ones may know more kinds."""
    editor.open(HALF)
    assert ["return a + b"] == editor.inline(1, 10, kind=kind)


def test_silence_is_an_empty_list(editor: Editor) -> None:
    """Null would leave the old ghost text on Neovim's screen."""
    editor.open("")
    assert {"items": []} == editor.ask("textDocument/inlineCompletion", inline_params(0, 0))


@pytest.mark.parametrize(("uri", "line"), [("file:///other.py", 0), (URI, 2), ("not a uri", 0), ("file://[", 0)])
def test_nowhere_is_an_empty_list(editor: Editor, uri: str, line: int) -> None:
    """An unknown document or a line that it does not have shows nothing."""
    editor.open(HALF)
    assert [] == editor.inline(line, 0, uri=uri)


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "vscode-vfs://github/a/b.py", "no scheme", "git:/a.py?x#y"])
def test_documents_of_any_scheme_are_completed(editor: Editor, uri: str) -> None:
    """What is open need not be a file."""
    editor.open("import ", uri=uri)
    assert ["os"] == editor.inline(0, 7, uri=uri)


def test_a_lost_document_is_silent_until_its_text_comes_again(editor: Editor) -> None:
    """A suggestion for a text that the editor does not have would be put in a wrong place."""
    editor.open("import ", version=5)
    editor.change(5, insertion(0, 7, "x"))
    assert [] == editor.inline(0, 7)
    editor.change(6, {"text": "import "})
    assert ["os"] == editor.inline(0, 7)


def test_a_change_that_cannot_be_read_loses_the_document(editor: Editor) -> None:
    """What it changed is not known."""
    editor.open("import ")
    editor.change(2, {"range": {"start": None}, "text": "x"})
    assert [] == editor.inline(0, 7)


def test_a_closed_document_is_gone(editor: Editor) -> None:
    """Nothing is shown in it any more."""
    editor.open("import ")
    editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert [] == editor.inline(0, 7)


def test_a_newer_request_supersedes_the_older_one(connect: Connect) -> None:
    """Neovim never cancels: the server ends the older request of the document itself, with nothing to show."""
    running = connect()
    editor = running.editor
    editor.initialize()
    editor.open(HALF)
    gate = running.backend.gate()
    older = editor.request_inline(1, 10)
    gate.wait_until_reached()
    newer = editor.request_inline(1, 10)
    assert {"items": []} == editor.result(older)
    gate.open()
    assert ["return a + b"] == editor.texts(newer)


def test_requests_superseded_before_they_begin_are_answered_too(editor: Editor) -> None:
    """A burst of requests in one read gets one reply each; the last one shows."""
    editor.open(HALF)
    requests = [editor.request_inline(1, 10) for _ in range(20)]
    assert ["return a + b"] == editor.texts(requests[-1])
    assert {"items": []} == editor.result(requests[0])


def test_requests_of_two_documents_do_not_supersede_each_other(connect: Connect) -> None:
    """Two windows may wait at the same time."""
    running = connect()
    editor = running.editor
    editor.initialize()
    editor.open(HALF)
    editor.open("import ", uri="file:///other.py")
    gate = running.backend.gate()
    one = editor.request_inline(1, 10)
    gate.wait_until_reached()
    other = editor.request_inline(0, 7, uri="file:///other.py")
    gate.open()
    assert ["return a + b"] == editor.texts(one)
    assert ["os"] == editor.texts(other)


def test_a_cancelled_request_gets_the_cancelled_error(connect: Connect) -> None:
    """The reply comes while the model still stands at its gate, with code -32800."""
    running = connect()
    editor = running.editor
    editor.initialize()
    editor.open(HALF)
    gate = running.backend.gate()
    request = editor.request_inline(1, 10)
    gate.wait_until_reached()
    editor.notify("$/cancelRequest", {"id": request})
    assert -32800 == editor.error_code(request)


def test_cancelling_what_is_done_changes_nothing(editor: Editor) -> None:
    """A cancel that comes late, twice or for an unknown id is ignored."""
    editor.open(HALF)
    request = editor.request_inline(1, 10)
    editor.result(request)
    for message_id in (request, request, 999, "what", [], None):
        editor.notify("$/cancelRequest", {"id": message_id})
    assert ["return a + b"] == editor.inline(1, 10)


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 16), ("utf-16", 14), ("utf-32", 13)])
def test_columns_are_counted_as_the_client_counts(connect: Connect, encoding: str, character: int) -> None:
    """The same cursor behind an emoji, in the unit that was agreed at initialize."""
    editor = connect({"= ": "1"}).editor
    result = editor.initialize({"general": {"positionEncodings": [encoding]}})
    assert encoding == result["capabilities"]["positionEncoding"]
    editor.open("s = '😀'; x = ")
    item = editor.result(editor.request_inline(0, character))["items"][0]
    assert ("1", between(0, character, character)) == (item["insertText"], item["range"])


@pytest.mark.parametrize("offered", [None, [], ["utf-7"]])
def test_utf_16_is_counted_where_nothing_else_is_agreed(connect: Connect, offered: list[str] | None) -> None:
    """It is the only encoding that every client knows."""
    result = connect().editor.initialize({"general": {"positionEncodings": offered}} if offered is not None else {})
    assert "utf-16" == result["capabilities"]["positionEncoding"]


@pytest.mark.parametrize(("version", "texts"), [(1, ["return a + b"]), (2, []), (0, []), (None, ["return a + b"])])
def test_a_request_for_another_version_shows_nothing(editor: Editor, version: int | None, texts: list[str]) -> None:
    """Copilot's clients say which version they speak of; what is shown for another one would be misplaced."""
    editor.open(HALF, version=1)
    params = inline_params(1, 10)
    params["textDocument"]["version"] = version
    assert texts == editor.texts(editor.request("textDocument/inlineCompletion", params))


def test_typing_changes_what_is_suggested(editor: Editor) -> None:
    """Incremental changes reach the model."""
    editor.open("x")
    editor.change(2, insertion(0, 1, "s"), insertion(0, 2, " = "))
    assert ["[1, 2, 3]"] == editor.inline(0, 5)


def test_a_suggestion_begins_with_what_the_menu_has_selected(connect: Connect) -> None:
    """With an open completion menu the item must replace the same range and go on from the selected text."""
    editor = connect({"return value": " + 1"}).editor
    editor.initialize()
    editor.open("    return va")
    params = inline_params(0, 13)
    selected = {"range": between(0, 11, 13), "text": "value"}
    params["context"] = {"triggerKind": 2, "selectedCompletionInfo": selected}
    item = editor.ask("textDocument/inlineCompletion", params)["items"][0]
    assert ("value + 1", between(0, 11, 13)) == (item["insertText"], item["range"])


def test_a_suggestion_names_its_id_on_accept(editor: Editor) -> None:
    """Accepting runs a command of ours, which the server has advertised."""
    editor.open(HALF)
    item = editor.result(editor.request_inline(1, 10))["items"][0]
    command = {"command": item["command"]["command"], "arguments": item["command"]["arguments"]}
    assert None is editor.ask("workspace/executeCommand", command)


def test_an_unknown_command_is_refused(editor: Editor) -> None:
    """InvalidParams: there is no such command."""
    assert -32602 == editor.error_code(editor.request("workspace/executeCommand", {"command": "rm"}))


@pytest.mark.parametrize("params", [{}, {"item": 1}, {"item": {"command": {"arguments": ["no such id"]}}}])
@pytest.mark.parametrize(
    "method",
    ["textDocument/didShowCompletion", "textDocument/didPartiallyAcceptCompletion", "textDocument/didFocus"],
)
def test_the_words_of_copilot_plugins_are_understood(editor: Editor, method: str, params: dict[str, Any]) -> None:
    """Whatever they say of suggestions that we do not know is survived."""
    editor.notify(method, params)
    editor.open(HALF)
    assert ["return a + b"] == editor.inline(1, 10)


def test_metrics_tell_where_the_time_went(editor: Editor) -> None:
    """After a suggestion the newest metrics count its tokens, and say nothing of the text."""
    editor.open(HALF)
    editor.inline(1, 10)
    newest = editor.ask("devstral/metrics")["recent"][-1]
    assert newest["n_prompt_tokens"] == newest["n_reused_tokens"] + newest["n_prefilled_tokens"]
    assert all(isinstance(value, int | float | str | bool) for value in newest.values())
    assert HALF not in str(newest)
