"""What real editors said to the server, replayed message by message; `tests/sessions/record.py` writes it down."""

import json
from pathlib import Path
from typing import Any

import pytest
from editor import Editor
from server_fixtures import Connect
from shared_fixtures import scripted, shared_here

SESSIONS = Path(__file__).parent.parent / "sessions"
SAID = {"return 2 * (wid": "th + height)", "return ": "2 * (width + height)"}
COMPLETION = "textDocument/completion"  # its items come in time or, on a busy machine, not at all
CANCELLED = -32800

Line = dict[str, Any]


@pytest.mark.parametrize("is_shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("session", sorted(SESSIONS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_session_gets_the_same_replies(connect: Connect, session: Path, is_shared: bool) -> None:
    """Every request gets a reply of the same kind, and what was shown is shown again, wherever the engine is."""
    lines = [json.loads(line) for line in session.read_text(encoding="utf-8").splitlines()]
    editor = connect(SAID, open_engine=(lambda _: shared_here(scripted(SAID)[0])) if is_shared else None).editor
    replay(editor, lines)
    # Here each reply is waited for, so a cancellation that was in time then comes too late now.
    recorded = {line["message"]["id"]: line["message"] for line in lines if is_reply(line) and not is_cancelled(line)}
    assert {each: kind(reply) for each, reply in recorded.items()} == {
        each: kind(editor.reply(each)) for each in recorded
    }
    in_time_only = {each["message"]["id"] for each in lines if each["message"].get("method") == COMPLETION}
    for message_id, reply in recorded.items():
        then, now = shown(reply), shown(editor.reply(message_id))
        assert then == now or (message_id in in_time_only and [] in (then, now))


def replay(editor: Editor, lines: list[Line]) -> None:
    """Say what the editor said; its answers go to the questions of the same kind that this server asks."""
    methods = {line["message"]["id"]: line["message"]["method"] for line in lines if is_question(line)}
    for line in lines:
        message = line["message"]
        if line["from"] == "server":
            continue
        if "method" not in message:
            message = message | {"id": editor.question(methods[message["id"]])["id"]}
        editor.send(**{key: value for key, value in message.items() if key != "jsonrpc"})
        if "method" in message and "id" in message:
            editor.reply(message["id"])


def is_question(line: Line) -> bool:
    return line["from"] == "server" and "method" in line["message"] and "id" in line["message"]


def is_reply(line: Line) -> bool:
    return line["from"] == "server" and "method" not in line["message"]


def is_cancelled(line: Line) -> bool:
    return bool(line["message"].get("error", {}).get("code") == CANCELLED)


def kind(reply: Line) -> str:
    return "error" if "error" in reply else "result"


def shown(reply: Line) -> list[str]:
    """The texts of the items in a reply."""
    result = reply.get("result")
    items = result.get("items", ()) if isinstance(result, dict) else ()
    return [item.get("insertText") or item["label"] for item in items]
