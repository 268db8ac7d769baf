"""What a body asks of the engine, for completions and for chats, in OpenAI's words."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devstral_ls.engine.request import ChatPrompt, GenerationRequest, InfillPrompt, Priority, Sampling, StopRule
from devstral_ls.errors import UsageError

MAX_TOKENS, DEFAULT_TOKENS, DEADLINE_MS = 512, 64, 60_000
MAX_CHAT_TOKENS, DEFAULT_CHAT_TOKENS, CHAT_DEADLINE_MS = 4096, 1024, 300_000
MAX_CHOICES = 4
MAX_STOPS, MAX_STOP_CHARACTERS = 16, 100
MAX_MESSAGES = 200
# The engine names the text that it completes; these clients do not say what theirs is called.
_TITLE = "main.py"
# For clients that say nothing of it: the layouts of chats have a place for this, and no model is used to it empty.
_SYSTEM = "You are a helpful assistant."
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A checked body."""

    prompt: InfillPrompt | ChatPrompt
    max_tokens: int
    deadline_ms: float
    priority: Priority
    sampling: Sampling
    n: int
    stops: tuple[str, ...]
    is_streamed: bool

    def request(self, key: str, stop: StopRule) -> GenerationRequest:
        return GenerationRequest(
            prompt=self.prompt,
            key=key,
            priority=self.priority,
            max_tokens=self.max_tokens,
            deadline_ms=self.deadline_ms,
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


def asked_to_complete(body: bytes) -> Asked:
    """What a body asks of `/v1/completions`, or an error that names the field which is wrong."""
    given = _object(body)
    return Asked(
        prompt=InfillPrompt((), _TITLE, _text(given, "suffix"), "", _text(given, "prompt")),
        max_tokens=_whole(given, "max_tokens", DEFAULT_TOKENS, 1, MAX_TOKENS),
        deadline_ms=DEADLINE_MS,
        priority=Priority.EXPLICIT,
        **_in_both(given),
    )


def asked_to_answer(body: bytes) -> Asked:
    """What a body asks of `/v1/chat/completions`; a chat may take long, and whoever types goes first."""
    given = _object(body)
    limit = "max_completion_tokens" if given.get("max_completion_tokens") is not None else "max_tokens"
    return Asked(
        prompt=_conversation(given.get("messages")),
        max_tokens=_whole(given, limit, DEFAULT_CHAT_TOKENS, 1, MAX_CHAT_TOKENS),
        deadline_ms=CHAT_DEADLINE_MS,
        priority=Priority.FIX,
        **_in_both(given),
    )


def _in_both(given: dict[str, Any]) -> dict[str, Any]:
    n = _whole(given, "n", 1, 1, MAX_CHOICES)
    is_streamed = bool(given.get("stream"))
    if is_streamed and n != 1:
        raise UsageError("a stream has one choice: n is to be 1")
    sampling = Sampling(
        temperature=_number(given, "temperature", 0.0, 2.0),
        top_p=_number(given, "top_p", 1.0, 1.0) or 1.0,
        seed=_whole(given, "seed", 0, 0, 2**31 - 1),
    )
    return {"sampling": sampling, "n": n, "stops": _stops(given.get("stop")), "is_streamed": is_streamed}


def _conversation(messages: object) -> ChatPrompt:
    """Questions and answers by turns; neighbours of one role are one message."""
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES:
        raise UsageError(f"messages is to be a list of 1 to {MAX_MESSAGES} messages")
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    for role, text in map(_message, range(len(messages)), messages):
        if role == "system":
            system.append(text)
        elif turns and turns[-1][0] == role:
            turns[-1] = role, f"{turns[-1][1]}\n\n{text}"
        else:
            turns.append((role, text))
    roles, texts = [role for role, _ in turns], [text for _, text in turns]
    if roles[:1] != ["user"] or roles[-1] != "user":
        raise UsageError("messages is to begin with one of the user, behind those of the system, and to end with one")
    before = tuple(zip(texts[:-1:2], texts[1::2], strict=True))
    return ChatPrompt("\n\n".join(system) or _SYSTEM, texts[-1], before)


def _message(index: int, message: object) -> tuple[str, str]:
    role = _ROLES.get(str(message.get("role"))) if isinstance(message, dict) else None
    if role is None or not isinstance(message, dict):
        raise UsageError(f"messages[{index}] is to have the role system, user or assistant")
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = list(_texts(parts)) if isinstance(parts, list) else [None]
    if None in texts:
        raise UsageError(f"messages[{index}].content is to be text; this model sees and calls nothing else")
    return role, "\n".join(text for text in texts if text is not None)


def _texts(parts: list[Any]) -> Iterator[str | None]:
    for part in parts:
        match part:
            case {"type": "text", "text": str(text)}:
                yield text
            case _:
                yield None


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError("the body is not JSON") from None
    if not isinstance(given, dict):
        raise UsageError("the body is to be a JSON object")
    return given


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
