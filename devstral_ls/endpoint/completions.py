"""OpenAI's words for completions, and ours: what a body asks of the engine, and what is said about the outcome."""

import json
import math
import time
from dataclasses import dataclass
from typing import Any

from devstral_ls.engine.request import (
    FinishReason,
    Generation,
    GenerationRequest,
    InfillPrompt,
    Priority,
    Sampling,
    StopRule,
)
from devstral_ls.errors import UsageError

MAX_TOKENS, DEFAULT_TOKENS = 512, 64
MAX_CHOICES = 4
MAX_STOPS, MAX_STOP_CHARACTERS = 16, 100
DEADLINE_MS = 60_000
# The engine names the text that it completes; these clients do not say what theirs is called.
_TITLE = "main.py"
_BY_LENGTH = frozenset({FinishReason.LENGTH, FinishReason.DEADLINE, FinishReason.CANCELLED, FinishReason.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A checked body of `/v1/completions`."""

    prompt: str
    suffix: str
    max_tokens: int
    sampling: Sampling
    n: int
    stops: tuple[str, ...]
    is_streamed: bool

    def request(self, key: str, stop: StopRule) -> GenerationRequest:
        return GenerationRequest(
            prompt=InfillPrompt((), _TITLE, self.suffix, "", self.prompt),
            key=key,
            priority=Priority.EXPLICIT,
            max_tokens=self.max_tokens,
            deadline_ms=DEADLINE_MS,
            stop=stop,
            sampling=self.sampling,
            n_best=self.n,
        )

    def end_of(self, text: str) -> int | None:
        """Where the first stop text stands."""
        found = [at for stop in self.stops if 0 <= (at := text.find(stop))]
        return min(found, default=None)

    def n_certain(self, text: str) -> int:
        """How much of a text that still grows can be shown: its end may be the beginning of a stop text."""
        return max(0, len(text) - max((len(stop) - 1 for stop in self.stops), default=0))


def asked(body: bytes) -> Asked:
    """What a body asks for, or an error that names the field which is wrong."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError("the body is not JSON") from None
    if not isinstance(given, dict):
        raise UsageError("the body is to be a JSON object")
    n = _whole(given, "n", 1, 1, MAX_CHOICES)
    is_streamed = given.get("stream") or False
    if is_streamed and n != 1:
        raise UsageError("a stream has one choice: n is to be 1")
    return Asked(
        prompt=_text(given, "prompt"),
        suffix=_text(given, "suffix"),
        max_tokens=_whole(given, "max_tokens", DEFAULT_TOKENS, 1, MAX_TOKENS),
        sampling=Sampling(
            temperature=_number(given, "temperature", 0.0, 2.0),
            top_p=_number(given, "top_p", 1.0, 1.0) or 1.0,
            seed=_whole(given, "seed", 0, 0, 2**31 - 1),
        ),
        n=n,
        stops=_stops(given.get("stop")),
        is_streamed=bool(is_streamed),
    )


def whole_answer(name: str, model: str, generation: Generation) -> bytes:
    """The answer that comes at once."""
    metrics = generation.metrics
    choices = [_choice(index, each.text, _finish(each.finish)) for index, each in enumerate(generation.completions)]
    counts = {"prompt_tokens": metrics.n_prompt_tokens, "completion_tokens": metrics.n_generated_tokens}
    usage = {**counts, "total_tokens": sum(counts.values())}
    return json.dumps({**_named(name, model), "choices": choices, "usage": usage}).encode()


def event(names: tuple[str, str], text: str, finish: FinishReason | None = None) -> bytes:
    """One piece of a stream; `names` are those of the answer and of its model."""
    choice = _choice(0, text, finish and _finish(finish))
    return b"data: " + json.dumps({**_named(*names), "choices": [choice]}).encode() + b"\n\n"


def models(model: str) -> bytes:
    return json.dumps(
        {"object": "list", "data": [{"id": model, "object": "model", "owned_by": "devstral-ls"}]}
    ).encode()


def error(words: str) -> bytes:
    return json.dumps({"error": {"message": words, "type": "invalid_request_error"}}).encode()


def _named(name: str, model: str) -> dict[str, Any]:
    return {"id": name, "object": "text_completion", "created": int(time.time()), "model": model}


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


def _finish(reason: FinishReason) -> str:
    return "length" if reason in _BY_LENGTH else "stop"


def _text(given: dict[str, Any], name: str) -> str:
    found = given.get(name)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]  # OpenAI allows a list of prompts; a list of one is common
    if not (found is None or isinstance(found, str)):
        raise UsageError(f"{name} is to be one text")
    return found or ""


def _whole(given: dict[str, Any], name: str, otherwise: int, least: int, most: int) -> int:
    found = given.get(name)
    if found is None:
        return otherwise
    if type(found) is not int or found < least:
        raise UsageError(f"{name} is to be a whole number from {least} to {most}")
    return min(found, most)


def _number(given: dict[str, Any], name: str, otherwise: float, most: float) -> float:
    found = given.get(name)
    if found is None:
        return otherwise
    if type(found) not in (int, float) or not math.isfinite(found) or not 0 <= found <= most:
        raise UsageError(f"{name} is to be a number from 0 to {most:g}")
    return float(found)


def _stops(given: object) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given or []
    if isinstance(listed, list) and len(listed) <= MAX_STOPS:
        stops = tuple(each for each in listed if isinstance(each, str) and 1 <= len(each) <= MAX_STOP_CHARACTERS)
        if len(stops) == len(listed):
            return stops
    raise UsageError(f"stop is to be at most {MAX_STOPS} texts of at most {MAX_STOP_CHARACTERS} characters")
