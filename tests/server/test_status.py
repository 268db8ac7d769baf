"""Whenever nothing is shown, the editor is told why; whenever the model loads, it is told that too."""

import threading
from typing import Any

import pytest
from editor import URI, Editor
from server_fixtures import SAID, Connect

from devstral_ls.config import Settings
from devstral_ls.engine import scripted_engine
from devstral_ls.engine.engine import Engine
from devstral_ls.errors import BundleMissing

STATUS = "$/devstral/status"


def statuses(editor: Editor) -> list[dict[str, Any]]:
    """What the editor was told so far, in order; a reply is waited for, so that nothing is on its way."""
    editor.reply(editor.request("no/such"))
    return [each["params"] for each in editor.notifications if each["method"] == STATUS]


def test_loading_is_told(connect: Connect) -> None:
    """Busy while the model loads, then normal."""
    editor = connect().editor
    editor.initialize()
    editor.open("import ")
    editor.inline(0, 7)
    loading = {"kind": "Normal", "message": "loading the model", "busy": True}
    assert [loading, {"kind": "Normal", "message": "", "busy": False}] == statuses(editor)


def test_copilots_plugins_hear_their_own_name(connect: Connect) -> None:
    """Who says so in the options is told in Copilot's words, and nothing else that it would not know."""
    editor = connect().editor
    editor.initialize(initializationOptions={"editorPluginInfo": {"name": "copilot.vim", "version": "1"}})
    editor.open("import ")
    editor.inline(0, 7)
    assert not statuses(editor)
    assert "didChangeStatus" in {each["method"] for each in editor.notifications}


@pytest.mark.parametrize(
    ("text", "uri", "reason"),
    [
        ("", URI, "the file is empty"),
        ("import ", "file:///other.py", "the document is not open"),
        ("import ", "untitled:other", "the document is not open"),
    ],
)
def test_silence_has_a_reason(editor: Editor, text: str, uri: str, reason: str) -> None:
    """Inactive, in words for the person who wonders."""
    editor.open(text)
    editor.inline(0, 0, uri=uri)
    assert {"kind": "Inactive", "message": reason, "busy": False} == statuses(editor)[-1]


def test_the_same_status_is_told_once(editor: Editor) -> None:
    """Typing in a place where nothing can be shown does not flood the editor."""
    editor.open("")
    for _ in range(3):
        editor.inline(0, 0)
    assert 1 == len([each for each in statuses(editor) if each["kind"] == "Inactive"])


def test_a_switched_off_document_is_inactive(connect: Connect) -> None:
    """The reason names the setting's value."""
    editor = connect().editor
    editor.initialize(initializationOptions={"disabled_languages": ["python"]})
    editor.open("import ")
    editor.inline(0, 7)
    assert "suggestions are switched off for python" == statuses(editor)[-1]["message"]


def no_model(_settings: Settings) -> Engine:
    raise BundleMissing("no model in /models/x; run `devstral-ls doctor`")


def test_a_missing_model_is_told_once_and_typing_goes_on(connect: Connect) -> None:
    """One message, an error status, and empty lists."""
    editor = connect(open_engine=no_model).editor
    editor.initialize()
    editor.open("import ")
    assert [[], []] == [editor.inline(0, 7), editor.inline(0, 7)]
    assert "Error" == statuses(editor)[-1]["kind"]
    messages = [each for each in editor.notifications if each["method"] == "window/showMessage"]
    assert ["devstral-ls: no model in /models/x; run `devstral-ls doctor`"] == [
        each["params"]["message"] for each in messages
    ]


def test_loading_shows_progress_where_the_editor_can(connect: Connect) -> None:
    """A bar with a title while the model loads, which ends."""
    may_load = threading.Event()

    def open_late(_settings: Settings) -> Engine:
        may_load.wait(20)
        return scripted_engine(SAID)

    editor = connect(open_engine=open_late).editor
    editor.initialize({"window": {"workDoneProgress": True}})
    create = editor.question("window/workDoneProgress/create")
    editor.send(id=create["id"], result=None)
    begin = editor.notification("$/progress")
    may_load.set()
    end = editor.notification("$/progress")
    assert ["begin", "end"] == [begin["value"]["kind"], end["value"]["kind"]]


def test_progress_that_is_refused_is_not_sent(connect: Connect) -> None:
    """The token is not known to an editor that said no."""
    editor = connect().editor
    editor.initialize({"window": {"workDoneProgress": True}})
    editor.send(id=editor.question("window/workDoneProgress/create")["id"], error={"code": -1, "message": "no"})
    editor.open("import ")
    editor.inline(0, 7)
    assert [] == [each for each in editor.notifications if each["method"] == "$/progress"]
