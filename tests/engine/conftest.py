"""A scripted engine for each test, closed at its end."""

from collections.abc import Iterator
from typing import Any

import pytest
from asking import VOCAB_SIZE, OpenEngine

from devstral_ls.engine.backends.scripted import Script, ScriptedBackend, answers, engine_on
from devstral_ls.engine.engine import Engine


@pytest.fixture
def open_engine() -> Iterator[OpenEngine]:
    """Opens engines that know what to say, and closes them."""
    opened: list[Engine] = []

    def open_one(script: Script | dict[str, str], **limits: Any) -> tuple[Engine, ScriptedBackend]:
        window_tokens = limits.pop("window_tokens", 4096)
        backend = ScriptedBackend(answers(script) if isinstance(script, dict) else script, VOCAB_SIZE, window_tokens)
        engine = engine_on(backend, **limits)
        opened.append(engine)
        return engine, backend

    yield open_one
    for engine in opened:
        engine.close()
