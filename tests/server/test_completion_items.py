"""Suggestions as ordinary completion items, for editors without ghost text."""

from typing import Any

from editor import URI, Editor
from server_fixtures import Connect

WITH_GHOST_TEXT = {"textDocument": {"inlineCompletion": {}}}


def complete(editor: Editor, line: int, character: int) -> Any:
    params = {"textDocument": {"uri": URI}, "position": {"line": line, "character": character}}
    return editor.ask("textDocument/completion", params)


def complete_in_time(editor: Editor, line: int, character: int) -> Any:
    """The first answer with an item: while the model loads, and on a busy machine, the list is empty."""
    while not (answer := complete(editor, line, character))["items"]:
        pass
    return answer


def test_one_item_stands_below_everybody_elses(editor: Editor) -> None:
    """The label matches what is typed; the documentation previews the code; nothing is preselected."""
    editor.open("def add(a, b):\n    return")
    answer = complete_in_time(editor, 1, 10)
    item = answer["items"][0]
    assert 1 == len(answer["items"])
    assert answer["isIncomplete"]
    assert ("return a + b", "return a + b", "\uffff") == (item["label"], item["filterText"], item["sortText"])
    assert "```python\nreturn a + b\n```" == item["documentation"]["value"]
    assert "return a + b" == item["textEdit"]["newText"]
    assert not item.get("preselect")


def test_editors_with_ghost_text_get_no_items(connect: Connect) -> None:
    """They would see everything twice: the capability is not even advertised."""
    editor = connect().editor
    result = editor.initialize(WITH_GHOST_TEXT)
    editor.open("import ")
    assert "completionProvider" not in result["capabilities"]
    assert [] == complete(editor, 0, 7)["items"]


def test_items_can_be_wanted_all_the_same(connect: Connect) -> None:
    """The setting overrules what the editor can do."""
    editor = connect().editor
    result = editor.initialize(WITH_GHOST_TEXT, initializationOptions={"completion_items": "always"})
    editor.open("import ")
    assert {} == result["capabilities"]["completionProvider"]
    assert ["os"] == [item["label"] for item in complete_in_time(editor, 0, 7)["items"]]


def test_a_slow_model_never_delays_the_menu(connect: Connect) -> None:
    """Helix waits for all servers: behind a closed gate the answer is empty, not late."""
    running = connect()
    editor = running.editor
    editor.initialize()
    editor.open("import ")
    running.backend.gate()
    assert {"isIncomplete": True, "items": []} == complete(editor, 0, 7)
