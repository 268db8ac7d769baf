"""The chat format of a checkpoint, and a tiny one that is exported and asked."""

import http.client
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from devstral_ls.cancel import CancelToken
from devstral_ls.endpoint.listen import Endpoint
from devstral_ls.engine import open_engine
from devstral_ls.engine.face import Engine
from devstral_ls.engine.prompts import CHATS, Marker
from devstral_ls.engine.request import ChatPrompt, GenerationRequest
from onnx_export.checkpoint import Settings
from onnx_export.export import ExportOptions, plan_export, run_export
from onnx_export.tokenizer import CHAT_SIGNS, special_tokens

TEMPLATE = "{{ bos_token }}{% for m in messages %}[INST]{{ m.content }}[/INST]{% endfor %}"
VOCABULARY = Path(__file__).parent / "vocabularies" / "tekken.json"
VOCAB_SIZE = 1220


def test_the_workshop_and_the_engine_know_the_same_formats() -> None:
    """Under the same names, by the markers that the engine will ask for."""
    assert list(CHATS) == list(CHAT_SIGNS)
    for name, (markers, _) in CHAT_SIGNS.items():
        assert {each.name for each in CHATS[name].whole if isinstance(each, Marker)} == set(markers)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),  # a base model has the vocabulary, but nobody taught it to answer
        ({"chat_template.jinja": TEMPLATE}, "mistral-plain"),
        ({"tokenizer_config.json": {"chat_template": TEMPLATE}}, "mistral-plain"),
        ({"tokenizer_config.json": {"chat_template": [{"name": "default", "template": TEMPLATE}]}}, "mistral-plain"),
        ({"chat_template.json": {"chat_template": "{{ '<|unknown|>' }}"}}, None),
        ({"tokenizer_config.json": {"chat_template": 3}}, None),
    ],
)
def test_a_template_says_that_a_model_answers(files: dict[str, object], expected: str | None, tmp_path: Path) -> None:
    """It is looked for where checkpoints keep it, and never rendered."""
    for name, content in files.items():
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    settings = Settings({"model_type": "mistral", "eos_token_id": 2}, "config.json")
    tokens = special_tokens(tmp_path, settings, {"[INST]": 3, "[/INST]": 4})
    assert (expected, ("chat",) if expected else ()) == (tokens.chat, tokens.capabilities)


def instruct(folder: Path) -> Path:
    """A tiny checkpoint with a chat template."""
    model = tiny.read_tiny("mixtral")
    shapes = {
        key: (VOCAB_SIZE, shape[1]) if key.endswith(("embed_tokens.weight", "lm_head.weight")) else shape
        for key, shape in model.shapes.items()
    }
    source = replace(model, config=model.config | {"vocab_size": VOCAB_SIZE}, shapes=shapes).write(folder)
    (source / "tokenizer.json").unlink()
    shutil.copyfile(VOCABULARY, source / "tekken.json")
    (source / "chat_template.jinja").write_text(TEMPLATE)
    return source


def test_a_tiny_instruct_checkpoint_is_exported_and_asked(tmp_path: Path) -> None:
    """From its folder to answers, without a line of code about it; what random weights say is nothing to look at."""
    source = instruct(tmp_path / "instruct")
    options = ExportOptions(precision="fp32", window_tokens=256)
    exported = run_export(plan_export(source, options), tmp_path / "bundle")
    assert ({"infill": "codestral", "chat": "mistral-plain"}, ("infill", "chat")) == (
        exported.manifest.prompt_formats,
        exported.manifest.capabilities,
    )
    engine = open_engine(tmp_path / "bundle")
    request = GenerationRequest(prompt=ChatPrompt("Be brief.", "Why?"), key="a", max_tokens=8)
    generation = engine.generate_blocking(request, CancelToken())
    over_http = chat_over_http(engine)
    engine.close()
    assert "mistral-plain" == engine.facts()["chat"]
    assert 0 < generation.metrics.n_generated_tokens
    assert generation.completions[0].text == over_http["choices"][0]["message"]["content"]
    assert generation.metrics.n_prompt_tokens == over_http["usage"]["prompt_tokens"]


def chat_over_http(engine: Engine) -> Any:
    """The same question, as a client asks the endpoint."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    headers = {"Authorization": "Bearer t", "Content-Type": "application/json"}
    with Endpoint(("127.0.0.1", 0), engine=engine, token="t") as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, args=(0.05,))
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=60)
        body = json.dumps({"messages": messages, "max_tokens": 8})
        connection.request("POST", "/v1/chat/completions", body, headers)
        said = json.load(connection.getresponse())
        endpoint.shutdown()
        thread.join()
    return said
