"""What clients and the shared engine say to each other: JSON objects with a `say` that names their kind.

| from | say | with |
|---|---|---|
| client | hello | role ("client", or "visitor" who only looks), pid, wanted |
| client | generate | id, request |
| client | cancel | id, reason |
| client | learn | key, texts (only when asked for them) |
| client | answer | question, value |
| client | ping, state | |
| engine | welcome, refused | reason |
| engine | question | question, id, rule ("cost", "stop", or "members", "keywords" and "names" of a text), text, ends |
| engine | teach, learned | key |
| engine | rest: another client is typed in, and this one has not been for a while | |
| engine | done | id, generation |
| engine | failed | id, error, message |
| engine | pong, state, bye | |
"""

from collections import deque
from dataclasses import asdict
from typing import Any

from devstral_ls import errors
from devstral_ls.engine.request import (
    Block,
    CacheKind,
    ChatPrompt,
    Completion,
    CostRule,
    FinishReason,
    Generation,
    GenerationRequest,
    InfillPrompt,
    Metrics,
    Priority,
    Sampling,
    StopRule,
)
from devstral_ls.errors import BackendError, DevstralError
from devstral_ls.sharing.rules import Json, cost_data, rule_data

# Part of what two sides must agree on; raise it with every change of what is said here.
PROTOCOL = 4

ASKED = "asked"  # stands for a stop rule that stays with the client


class CostNumbers:
    """Numbers for cost rules, the same for equal ones: what was written under a rule may be gone on with under it."""

    LIMIT = 16

    def __init__(self) -> None:
        self._recent: deque[tuple[int, CostRule]] = deque(maxlen=self.LIMIT)
        self._n_numbered = 0

    def number(self, rule: CostRule) -> int:
        known = next((number for number, other in self._recent if other == rule), None)
        if known is not None:
            return known
        self._n_numbered += 1
        self._recent.append((self._n_numbered, rule))
        return self._n_numbered


def request_data(request: GenerationRequest, cost: int | None) -> Json:
    """A request for the wire; `cost` is the number of its cost rule, of which the rest goes along where it can."""
    stop = None if request.stop is None else rule_data(request.stop) or ASKED
    return {
        "prompt": _prompt_data(request.prompt),
        "key": request.key,
        "priority": request.priority,
        "max_tokens": request.max_tokens,
        "deadline_ms": request.deadline_ms,
        "stop": stop,
        "cost": cost,
        "naming": None if request.cost is None else cost_data(request.cost),
        "sampling": asdict(request.sampling),
        "n_best": request.n_best,
        "references": request.references,
        "project": request.project,
    }


def request_of(data: Json, *, key: str, stop: StopRule | None, cost: CostRule | None) -> GenerationRequest:
    """The request that `request_data` wrote, under another key and with the rules that stand for the client's."""
    return GenerationRequest(
        prompt=_prompt_of(data["prompt"]),
        key=key,
        priority=Priority(data["priority"]),
        max_tokens=data["max_tokens"],
        deadline_ms=data["deadline_ms"],
        stop=stop,
        cost=cost,
        sampling=Sampling(**data["sampling"]),
        n_best=data["n_best"],
        references=tuple(data["references"]),
        project=data["project"],
    )


def _prompt_data(prompt: InfillPrompt | ChatPrompt) -> Json:
    if isinstance(prompt, ChatPrompt):
        return asdict(prompt)
    return {
        "stable": [[block.title, block.text] for block in prompt.stable],
        "title": prompt.title,
        "suffix": prompt.suffix,
        "volatile": prompt.volatile,
        "prefix": prompt.prefix,
    }


def _prompt_of(data: Json) -> InfillPrompt | ChatPrompt:
    if "user" in data:
        before = tuple((user, answer) for user, answer in data["before"])
        return ChatPrompt(data["system"], data["user"], before)
    return InfillPrompt(
        stable=tuple(Block(title, text) for title, text in data["stable"]),
        title=data["title"],
        suffix=data["suffix"],
        volatile=data["volatile"],
        prefix=data["prefix"],
    )


def generation_data(generation: Generation) -> Json:
    return {
        "completions": [asdict(each) for each in generation.completions],
        "metrics": asdict(generation.metrics),
    }


def generation_of(data: Json) -> Generation:
    given: dict[str, Any] = data["metrics"]
    enums = {
        "priority": Priority(given["priority"]),
        "finish": FinishReason(given["finish"]),
        "cache": CacheKind(given["cache"]),
    }
    return Generation(tuple(map(Completion.of, data["completions"])), Metrics(**{**given, **enums}))


def error_data(error: DevstralError) -> Json:
    return {"error": type(error).__name__, "message": str(error)}


def error_of(data: Json) -> DevstralError:
    """The error that was raised on the other side, as one of ours."""
    kind = getattr(errors, str(data["error"]), None)
    is_ours = isinstance(kind, type) and issubclass(kind, DevstralError)
    error: DevstralError = kind(data["message"]) if is_ours and kind else BackendError(data["message"])
    return error


def unanswered(request: GenerationRequest, reason: FinishReason) -> Generation:
    """The empty answer to a request that the engine did not get to."""
    return Generation((), Metrics(priority=request.priority, finish=reason))
