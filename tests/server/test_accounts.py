"""What became of suggestions is counted, and nothing else is."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editor import Editor
from server_fixtures import SAID

from devstral_ls.config import Settings
from devstral_ls.engine import scripted_engine
from devstral_ls.errors import UsageError
from devstral_ls.features.replay import Verdict, replay
from devstral_ls.features.survival import is_alive
from devstral_ls.ledger import FILE_NAME, Ledger, totals, work_done
from devstral_ls.recordings import FOLDER_NAME, recorded
from devstral_ls.server.accounts import Accounts
from devstral_ls.server.conversation import converse
from devstral_ls.server.feedback import Fate, Offer
from devstral_ls.text import Document

HALF = "def add(a, b):\n    return"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / FILE_NAME


@pytest.fixture
def counted(file: Path) -> Iterator[Editor]:
    """An editor whose server keeps a ledger."""
    to_server, from_server = os.pipe(), os.pipe()

    def run() -> None:
        with os.fdopen(to_server[0], "rb") as source, os.fdopen(from_server[1], "wb") as sink:
            asyncio.run(converse(source, sink, Settings(), lambda _: scripted_engine(SAID), lambda: file.parent))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    editor = Editor(os.fdopen(to_server[1], "wb"), os.fdopen(from_server[0], "rb"))
    yield editor
    editor.to_server.close()
    thread.join(20)


def leave(editor: Editor) -> None:
    """End the conversation; the server writes what it has counted before it closes its end."""
    editor.to_server.close()
    editor.hear_out()


def accept(editor: Editor) -> None:
    item = editor.result(editor.request_inline(1, 10))["items"][0]
    command = item["command"]
    editor.ask("workspace/executeCommand", {"command": command["command"], "arguments": command["arguments"]})


def test_offers_and_acceptances_are_counted(counted: Editor, file: Path) -> None:
    """The whole suggestion was taken, so all its characters count."""
    counted.initialize()
    counted.open(HALF)
    accept(counted)
    leave(counted)
    (total,) = totals(file, "language", n_days=1)
    assert ("python", 1, 1, 0, len("return a + b")) == (
        total.name,
        total.n_offered,
        total.n_accepted,
        total.n_partial,
        total.n_characters,
    )


def test_a_part_is_a_part(counted: Editor, file: Path) -> None:
    """Copilot's plugins say how much was taken."""
    counted.initialize()
    counted.open(HALF)
    item = counted.result(counted.request_inline(1, 10))["items"][0]
    counted.notify("textDocument/didPartiallyAcceptCompletion", {"item": item, "acceptedLength": 8})
    leave(counted)
    (total,) = totals(file, "source", n_days=1)
    assert ("model", 1, 8) == (total.name, total.n_partial, total.n_characters)


def test_no_source_is_in_the_file(counted: Editor, file: Path) -> None:
    """Neither the document nor the suggestion."""
    counted.initialize()
    counted.open(HALF)
    accept(counted)
    leave(counted)
    content = b"".join(each.read_bytes() for each in file.parent.iterdir())
    assert b"a + b" not in content
    assert b"main.py" not in content


def test_the_setting_switches_it_off(counted: Editor, file: Path) -> None:
    """Then there is not even a file."""
    counted.initialize(initializationOptions={"count_suggestions": False})
    counted.open(HALF)
    accept(counted)
    leave(counted)
    assert not file.exists()


def test_nothing_is_recorded_unless_it_is_wanted(counted: Editor, file: Path) -> None:
    """Recordings hold source text, so they are off."""
    counted.initialize()
    counted.open(HALF)
    accept(counted)
    leave(counted)
    assert not (file.parent / FOLDER_NAME).exists()


def test_what_the_model_was_asked_can_be_recorded(counted: Editor, file: Path) -> None:
    """And asked again: the same model says the same."""
    counted.initialize(initializationOptions={"record_prompts": True})
    counted.open(HALF)
    accept(counted)
    leave(counted)
    first, *_ = recorded(file.parent / FOLDER_NAME)
    engine = scripted_engine(SAID)
    replayed = replay(first, engine)
    engine.close()
    assert (HALF, Verdict.BIT_EQUAL) == (first["place"]["text"], replayed.verdict)


def test_a_workspace_cannot_switch_recording_on(counted: Editor, file: Path) -> None:
    """Only the user can."""
    counted.initialize()
    counted.notify("workspace/didChangeConfiguration", {"settings": {"devstral": {"record_prompts": True}}})
    counted.open(HALF)
    accept(counted)
    leave(counted)
    assert not (file.parent / FOLDER_NAME).exists()


def test_what_was_accepted_is_looked_at_four_times(tmp_path: Path) -> None:
    """After half a minute, two, five and ten; meanwhile its author deletes it."""
    file, texts = tmp_path / FILE_NAME, {"now": "return a + b"}
    due: dict[int, Callable[[], object]] = {}

    def later(after_s: int, look: Callable[[], object]) -> Callable[[], object]:
        due[after_s] = look
        return lambda: due.pop(after_s, None)

    accounts = Accounts(file, lambda uri: Document(uri, texts["now"]), lambda: True, later=later)
    offer = Offer("a", "file:///a.py", 1, "python", 0, "return a + b", "model", 1.0)
    accounts.heard(offer, Fate.OFFERED, 0)
    accounts.heard(offer, Fate.ACCEPTED, 12)
    assert [30, 120, 300, 600] == list(due)
    for after_s, now in ((30, "return a + b"), (120, "return a + bb"), (300, "pass"), (600, "")):
        texts["now"] = now
        due.pop(after_s)()
    accounts.close()
    (total,) = totals(file, "language", n_days=1)
    assert ((1, 1), (1, 1), (0, 1), (0, 1)) == total.alive


def test_a_later_acceptance_starts_anew(tmp_path: Path) -> None:
    """The looks at the first part are given up."""
    given_up: list[int] = []

    def later(after_s: int, _look: Callable[[], object]) -> Callable[[], object]:
        return lambda: given_up.append(after_s)

    accounts = Accounts(tmp_path / FILE_NAME, lambda _uri: None, lambda: True, later=later)
    offer = Offer("a", "file:///a.py", 1, "python", 0, "return a + b", "model", 1.0)
    accounts.heard(offer, Fate.PARTLY_ACCEPTED, 6)
    assert [] == given_up
    accounts.heard(offer, Fate.ACCEPTED, 12)
    assert [30, 120, 300, 600] == given_up
    accounts.close()


def test_survival_is_told_apart(file: Path) -> None:
    """Of two accepted suggestions one lived for half a minute."""
    ledger = Ledger(file)
    for offer_id, alive in (("a", True), ("b", False)):
        ledger.offered(offer_id, language="python", source="model", n_characters=5, latency_ms=1.0)
        ledger.accepted(offer_id, 5, is_partial=False)
        ledger.survived(offer_id, 30, is_alive=alive)
    ledger.close()
    (total,) = totals(file, "language", n_days=1)
    assert ((1, 2), (0, 0), (0, 0), (0, 0)) == total.alive


def test_a_ledger_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    """A file stands where its folder should be."""
    (tmp_path / "data").touch()
    ledger = Ledger(tmp_path / "data" / "ledger.sqlite3")
    ledger.offered("a", language="python", source="model", n_characters=5, latency_ms=1.0)
    ledger.close()


def test_a_damaged_ledger_stops_nobody(file: Path) -> None:
    """What is no database is left as it is."""
    file.parent.mkdir()
    file.write_bytes(b"not a database" * 100)
    ledger = Ledger(file)
    ledger.offered("a", language="python", source="model", n_characters=5, latency_ms=1.0)
    ledger.close()
    with pytest.raises(UsageError, match="move it away"):
        totals(file, "language", n_days=1)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("x = 1\nreturn a + b\n", True),
        ("x = 1\nreturn a + bb  # sum\n", True),
        ("x = 1\nprint('quite another line')\n", False),
        ("", False),
    ],
)
def test_half_of_it_must_be_there(now: str, expected: bool) -> None:
    """An edit distance below one half counts as alive."""
    assert expected == is_alive("return a + b", now, 1)


def test_what_the_model_was_asked_is_counted(counted: Editor, file: Path) -> None:
    """By kind, cache and end; the text of no request is kept."""
    counted.initialize()
    counted.open(HALF)
    counted.texts(counted.request_inline(1, 10))
    leave(counted)
    typing = next(work for work in work_done(file, n_days=1) if work.name == "typing")
    assert (1, {"cold": 1}) == (typing.n_requests, typing.caches)
    assert b"def add" not in file.read_bytes()
