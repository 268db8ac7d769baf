"""What is said about an outcome, whole or piece by piece, in OpenAI's words for completions and for chats."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstral_ls.engine.request import FinishReason, Generation

_BY_LENGTH = frozenset({FinishReason.LENGTH, FinishReason.DEADLINE, FinishReason.CANCELLED, FinishReason.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one kind of answer is written."""

    prefix: str  # of the name of an answer
    whole: str
    piece: str
    whole_text: Callable[[str], dict[str, Any]]
    piece_text: Callable[[str], dict[str, Any]]
    opening: dict[str, Any] | None = None  # what a stream says before its first text


COMPLETION = Form(
    prefix="cmpl",
    whole="text_completion",
    piece="text_completion",
    whole_text=lambda text: {"text": text},
    piece_text=lambda text: {"text": text},
)
CHAT = Form(
    prefix="chatcmpl",
    whole="chat.completion",
    piece="chat.completion.chunk",
    whole_text=lambda text: {"message": {"role": "assistant", "content": text}},
    piece_text=lambda text: {"delta": {"content": text} if text else {}},
    opening={"delta": {"role": "assistant", "content": ""}},
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its form, its name and that of its model."""

    form: Form
    name: str
    model: str

    def whole(self, generation: Generation) -> bytes:
        """The answer that comes at once."""
        metrics = generation.metrics
        choices = [
            _choice(self.form.whole_text(each.text), _finish(each.finish), index)
            for index, each in enumerate(generation.completions)
        ]
        counts = {"prompt_tokens": metrics.n_prompt_tokens, "completion_tokens": metrics.n_generated_tokens}
        usage = {**counts, "total_tokens": sum(counts.values())}
        return json.dumps({**self._named(self.form.whole), "choices": choices, "usage": usage}).encode()

    def opening(self) -> bytes:
        """The first event of a stream, where the form has one."""
        return b"" if self.form.opening is None else self._event(self.form.opening, None)

    def piece(self, text: str, finish: FinishReason | None = None) -> bytes:
        """One more event of a stream; the one with a reason is the last."""
        return self._event(self.form.piece_text(text), finish and _finish(finish))

    def _event(self, said: dict[str, Any], finish: str | None) -> bytes:
        event = {**self._named(self.form.piece), "choices": [_choice(said, finish)]}
        return b"data: " + json.dumps(event).encode() + b"\n\n"

    def _named(self, kind: str) -> dict[str, Any]:
        return {"id": self.name, "object": kind, "created": int(time.time()), "model": self.model}


def models(model: str) -> bytes:
    return json.dumps(
        {"object": "list", "data": [{"id": model, "object": "model", "owned_by": "devstral-ls"}]}
    ).encode()


def error(words: str) -> bytes:
    return json.dumps({"error": {"message": words, "type": "invalid_request_error"}}).encode()


def _choice(said: dict[str, Any], finish: str | None, index: int = 0) -> dict[str, Any]:
    return {"index": index, **said, "logprobs": None, "finish_reason": finish}


def _finish(reason: FinishReason) -> str:
    return "length" if reason in _BY_LENGTH else "stop"
