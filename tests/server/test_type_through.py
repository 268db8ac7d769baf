"""What was computed already is answered without the model, over the wire."""

from editor import Editor, insertion
from server_fixtures import Connect

from devstral_ls.engine.request import Priority

HALF = "def add(a, b):\n    return"
SAID = {"return": " a + b", "a + b\n    ": "# done"}
MAX_QUESTIONS = 2_000


def n_generations(editor: Editor, priority: Priority) -> int:
    """How often the model was asked with this priority."""
    return sum(each["priority"] == priority for each in editor.ask("devstral/metrics")["recent"])


def wait_for_work_ahead(editor: Editor) -> None:
    """Ask until what runs ahead is done."""
    for _ in range(MAX_QUESTIONS):
        if n_generations(editor, Priority.PREFILL):
            return
    raise AssertionError("nothing was computed ahead")


def start(connect: Connect) -> Editor:
    editor = connect(SAID).editor
    editor.initialize()
    editor.open(HALF)
    assert ["return a + b"] == editor.inline(1, 10)
    return editor


def test_typing_what_the_ghost_text_says_does_not_ask_the_model(connect: Connect) -> None:
    """Each key of it is answered from memory, with the same whole item."""
    editor = start(connect)
    for n_typed, key in enumerate(" a +"):
        editor.change(2 + n_typed, insertion(1, 10 + n_typed, key))
        (text,) = editor.inline(1, 11 + n_typed)
        assert "return a + b".endswith(text)
    assert 1 == n_generations(editor, Priority.TYPING)


def test_the_line_after_an_accepted_one_is_there_already(connect: Connect) -> None:
    """While the first suggestion is read, the next one is computed."""
    editor = start(connect)
    wait_for_work_ahead(editor)
    editor.change(2, insertion(1, 10, " a + b\n    "))
    assert ["# done"] == editor.inline(2, 4)
    assert 1 == n_generations(editor, Priority.TYPING)
