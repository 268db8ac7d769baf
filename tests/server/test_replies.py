"""Each request gets exactly one reply, with the code that LSP names."""

import pytest
from editor import Editor, inline_params
from server_fixtures import Connect

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
NOT_INITIALIZED = -32002


def test_a_request_before_initialize_is_refused(connect: Connect) -> None:
    """ServerNotInitialized, as the base protocol says."""
    editor = connect().editor
    assert NOT_INITIALIZED == editor.error_code(editor.request_inline(0, 0))


def test_a_notification_before_initialize_is_dropped(connect: Connect) -> None:
    """A document opened too early is not open."""
    editor = connect().editor
    editor.open("import ")
    editor.initialize()
    assert [] == editor.inline(0, 7)


def test_a_second_initialize_is_refused(editor: Editor) -> None:
    """It may be sent only once."""
    assert INVALID_REQUEST == editor.error_code(editor.request("initialize", {"processId": None, "capabilities": {}}))


@pytest.mark.parametrize("method", ["textDocument/inlineCompletion", "initialize", "shutdown", "no/such"])
def test_after_shutdown_every_request_is_refused(editor: Editor, method: str) -> None:
    """InvalidRequest, whatever it asks for."""
    editor.ask("shutdown")
    assert INVALID_REQUEST == editor.error_code(editor.request(method, inline_params(0, 0)))


@pytest.mark.parametrize(
    "params",
    [
        None,
        [],
        {},
        {**inline_params(0, 0), "position": {"line": -1, "character": 0}},
        {**inline_params(0, 0), "position": {"line": "one", "character": 0}},
        {**inline_params(0, 0), "textDocument": None},
        {**inline_params(0, 0), "context": {"triggerKind": "typed"}},
    ],
)
def test_bad_parameters_are_answered_with_the_id(editor: Editor, params: object) -> None:
    """InvalidParams for that request; pygls would never answer it."""
    assert INVALID_PARAMS == editor.error_code(editor.request("textDocument/inlineCompletion", params))


def test_the_error_names_the_parameter(editor: Editor) -> None:
    """The message says where to look, and does not repeat the value."""
    params = {**inline_params(0, 0), "position": {"line": "secret", "character": 0}}
    reply = editor.reply(editor.request("textDocument/inlineCompletion", params))
    assert "bad parameters for textDocument/inlineCompletion at params.position.line" == reply["error"]["message"]


@pytest.mark.parametrize("method", ["no/such", "$/noSuch", "textDocument/rename", "initialized"])
def test_an_unknown_method_is_answered(editor: Editor, method: str) -> None:
    """MethodNotFound, also for what LSP lets a server not know, and for a notification that wants a reply."""
    assert METHOD_NOT_FOUND == editor.error_code(editor.request(method, {}))


@pytest.mark.parametrize("method", ["no/such", "$/noSuch", "textDocument/didChange", "initialized"])
@pytest.mark.parametrize("params", [{}, [1], "text"])
def test_a_strange_notification_is_survived(editor: Editor, method: str, params: object) -> None:
    """What nobody waits for is logged and dropped."""
    editor.notify(method, params)
    editor.open("import ")
    assert ["os"] == editor.inline(0, 7)


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b'{"jsonrpc": "2.0", "id": 1e999}x'])
def test_what_is_not_json_gets_a_parse_error(editor: Editor, body: bytes) -> None:
    """The id cannot be known, so it is null."""
    editor.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    assert PARSE_ERROR == editor.error_code(None)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"', b"{}", b'[{"jsonrpc": "2.0", "method": "exit"}]'])
def test_what_is_no_message_is_an_invalid_request(editor: Editor, body: bytes) -> None:
    """JSON that is no JSON-RPC 2.0 object, a batch included, gets InvalidRequest with a null id."""
    editor.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    assert INVALID_REQUEST == editor.error_code(None)


@pytest.mark.parametrize(
    "message",
    [{"id": None, "method": "shutdown"}, {"id": [], "method": "shutdown"}, {"id": 1.5, "method": 3}],
)
def test_an_unusable_id_gets_a_null_one_back(editor: Editor, message: dict[str, object]) -> None:
    """InvalidRequest, since there is no id to name."""
    editor.send(**message)
    assert INVALID_REQUEST == editor.error_code(None)


def test_an_id_in_use_is_refused(connect: Connect) -> None:
    """Two requests with one id could not be told apart."""
    running = connect()
    editor = running.editor
    editor.initialize()
    editor.open("import ")
    gate = running.backend.gate()
    editor.send(id="twice", method="textDocument/inlineCompletion", params=inline_params(0, 7))
    gate.wait_until_reached()
    editor.send(id="twice", method="textDocument/inlineCompletion", params=inline_params(0, 7))
    assert INVALID_REQUEST == editor.error_code("twice")
    del editor.replies["twice"]
    gate.open()
    assert ["os"] == editor.texts("twice")


@pytest.mark.parametrize("message", [{"id": "x", "result": 1}, {"id": 1, "error": {}}, {"id": 1}, {}])
def test_an_unexpected_reply_is_ignored(editor: Editor, message: dict[str, object]) -> None:
    """Replies to questions that were never asked change nothing."""
    editor.send(**message)
    assert METHOD_NOT_FOUND == editor.error_code(editor.request("no/such"))


def test_the_first_word_is_the_reply_to_initialize(connect: Connect) -> None:
    """Before it, a server may say nothing."""
    editor = connect().editor
    heard: list[str] = []
    editor.initialize({"window": {"workDoneProgress": True}, "workspace": {"configuration": True}})
    heard += [each["method"] for each in (*editor.notifications, *editor.questions)]
    assert [] == heard


@pytest.mark.parametrize("root", ["file://[", "", "untitled:x", "file:///a%00b"])
def test_a_strange_root_does_not_stop_the_handshake(connect: Connect, root: str) -> None:
    """A root that is no folder of this machine is no root."""
    result = connect().editor.initialize(rootUri=root, workspaceFolders=[{"uri": root, "name": "x"}])
    assert "devstral-ls" == result["serverInfo"]["name"]
