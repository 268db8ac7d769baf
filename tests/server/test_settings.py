"""Settings from three sources; a bad value is told and left, whatever it is."""

from typing import Any

import pytest
from editor import Editor
from server_fixtures import Connect

OFF = {"disabled_languages": ["python"]}


def connected(connect: Connect, capabilities: dict[str, Any] | None = None, **params: Any) -> Editor:
    """An editor with an open document, initialized like that."""
    editor = connect().editor
    editor.initialize(capabilities, **params)
    editor.open("import ", uri="file:///project/pkg/main.py")
    return editor


def shown(editor: Editor) -> list[str]:
    return editor.inline(0, 7, uri="file:///project/pkg/main.py")


def test_initialization_options_count(connect: Connect) -> None:
    """The way of Helix and Neovim."""
    assert [] == shown(connected(connect, initializationOptions=OFF))


@pytest.mark.parametrize("options", [3, "x", [], {"no_such": 1, "max_lines": "many"}, {"enable": 1, "editorInfo": {}}])
def test_bad_options_do_not_stop_the_server(connect: Connect, options: object) -> None:
    """What cannot be used is left as it was."""
    assert ["os"] == shown(connected(connect, initializationOptions=options))


def test_a_refused_value_is_told(connect: Connect) -> None:
    """The line in the editor's log says which, and what to do."""
    editor = connected(connect, initializationOptions={"max_lines": 0})
    told = editor.notification("window/logMessage")
    assert "setting 'max_lines' is 0, but must be at least 1" == told["message"]


def test_the_editor_is_asked_for_its_settings(connect: Connect) -> None:
    """The way of VS Code: the server asks, and what comes counts from then on."""
    editor = connected(connect, {"workspace": {"configuration": True}})
    question = editor.question("workspace/configuration")
    assert [{"section": "devstral"}] == question["params"]["items"]
    editor.send(id=question["id"], result=[OFF])
    assert [] == shown(editor)


@pytest.mark.parametrize("answer", [{"result": None}, {"result": [None]}, {"result": [[1]]}, {"error": {"code": 1}}])
def test_a_useless_answer_leaves_the_settings(connect: Connect, answer: dict[str, Any]) -> None:
    """An editor may have nothing to say, or fail to."""
    editor = connected(connect, {"workspace": {"configuration": True}})
    editor.send(id=editor.question("workspace/configuration")["id"], **answer)
    assert ["os"] == shown(editor)


def test_changed_settings_are_asked_for_again(connect: Connect) -> None:
    """A change without values means that the server shall ask."""
    editor = connected(connect, {"workspace": {"configuration": True}})
    editor.send(id=editor.question("workspace/configuration")["id"], result=[OFF])
    editor.notify("workspace/didChangeConfiguration", {"settings": None})
    editor.send(id=editor.question("workspace/configuration")["id"], result=[{}])
    assert ["os"] == shown(editor)


@pytest.mark.parametrize("settings", [{"devstral": OFF}, OFF])
def test_pushed_settings_count(connect: Connect, settings: dict[str, Any]) -> None:
    """The way of Emacs and Sublime: values come along, with or without their section."""
    editor = connected(connect)
    editor.notify("workspace/didChangeConfiguration", {"settings": settings})
    assert [] == shown(editor)


def test_changes_are_watched_where_that_can_be_registered(connect: Connect) -> None:
    """Some clients send changes only to who has registered for them."""
    editor = connected(connect, {"workspace": {"didChangeConfiguration": {"dynamicRegistration": True}}})
    registrations = editor.question("client/registerCapability")["params"]["registrations"]
    assert ["workspace/didChangeConfiguration"] == [each["method"] for each in registrations]


def test_a_workspace_cannot_choose_the_model(connect: Connect) -> None:
    """Settings that may come with a cloned folder do not say what runs on this machine."""
    editor = connected(connect)
    editor.notify("workspace/didChangeConfiguration", {"settings": {"model": "/tmp/evil", "provider": 7}})
    assert ["os"] == shown(editor)
    assert [] == [each for each in editor.notifications if each["method"] == "window/logMessage"]


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [("pkg/*", []), ("*.py", []), ("pkg/main.py", []), ("main.py", ["os"]), ("other/*", ["os"]), ("*", [])],
)
def test_files_are_switched_off_by_their_path_in_the_workspace(
    connect: Connect, pattern: str, texts: list[str]
) -> None:
    """Patterns speak of the path below the root that holds the file."""
    folders = [{"uri": "file:///elsewhere", "name": "a"}, {"uri": "file:///project", "name": "b"}]
    options = {"disabled_files": [pattern]}
    assert texts == shown(connected(connect, workspaceFolders=folders, initializationOptions=options))


def test_a_new_root_changes_the_path_of_its_files(connect: Connect) -> None:
    """Folders may be added while the server runs."""
    editor = connected(connect, rootUri="file:///project", initializationOptions={"disabled_files": ["main.py"]})
    assert ["os"] == shown(editor)
    event = {"added": [{"uri": "file:///project/pkg", "name": "pkg"}], "removed": []}
    editor.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    assert [] == shown(editor)
