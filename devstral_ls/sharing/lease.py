"""One client of the shared engine: what it has asked for, and what it may still ask. It ends with its connection."""

import math
import queue
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.clock import Clock
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import FinishReason, Generation, GenerationRequest, Priority, StopRule
from devstral_ls.errors import BackendError, Cancelled, DevstralError
from devstral_ls.features.naming import Naming
from devstral_ls.sharing.channel import Channel
from devstral_ls.sharing.limits import Limits
from devstral_ls.sharing.messages import ASKED, error_data, generation_data, request_of, unanswered
from devstral_ls.sharing.rules import Json, naming_of, rule_of

# Of these a client has one at a time in the engine: who sends many waits for its own, not others for it.
IN_TURN = frozenset({Priority.FIX, Priority.HOVER})
UNKNOWN_S = 0.02  # so long a name that its client knows nothing of is not asked again


@dataclass(slots=True, eq=False)
class Asked:
    """A request that has not been answered."""

    id: int
    request: GenerationRequest
    cancel: CancelToken
    clock: Clock = field(default_factory=Clock)


class Lease:
    """Reads in a thread of its own; the engine's thread answers, and asks what a rule says of a text."""

    def __init__(self, number: int, channel: Channel, engine: Engine, limits: Limits) -> None:
        self.number = number
        self._channel = channel
        self._engine = engine
        self._limits = limits
        self._lock = threading.Lock()
        self._asked: dict[int, Asked] = {}
        self._in_turn: dict[Priority, deque[Asked]] = {priority: deque() for priority in IN_TURN}
        self._questions = count()
        self._answers: queue.SimpleQueue[tuple[str, int, Any]] = queue.SimpleQueue()
        self._asked_s = time.monotonic()
        self._is_resting = False

    @property
    def n_asked(self) -> int:
        """Requests without an answer."""
        return len(self._asked)

    @property
    def prefix(self) -> str:
        """Of its keys in the engine: two editors may have the same file open."""
        return f"{self.number}:"

    def hear(self, message: Json) -> None:
        """Take one message of the client."""
        match message:
            case {"say": "generate", "id": int(number), "request": dict(data)}:
                self._take(number, data)
            case {"say": "learn", "key": str(key)}:
                self._learn(key, message.get("texts"))
            case {"say": "cancel", "id": int(number), "reason": str(reason)}:
                self._cancel(number, reason)
            case {"say": "answer", "question": int(question)}:
                self._answers.put(("answer", question, message.get("value")))

    def rest(self) -> None:
        """Another client is typed in: tell this one, once, if nobody has used it for a while."""
        if not self._is_resting and self._asked_s + self._limits.rest_s < time.monotonic():
            self._is_resting = True
            self._channel.send({"say": "rest"})

    def end(self) -> None:
        """The client has gone: nothing of it is worked on, and nothing is kept."""
        for asked in list(self._asked.values()):
            asked.cancel.cancel("gone")
        self._channel.close()
        self._engine.forget(self.prefix)

    def ask(self, asked_id: int, rule: str, text: str, *, ends: bool, cancel: CancelToken) -> Any:
        """What a rule that stayed with the client says; everybody waits meanwhile, so not for long."""
        question = next(self._questions)
        forget = cancel.on_cancel(lambda: self._answers.put(("cancel", question, None)))
        self._channel.send(
            {"say": "question", "question": question, "id": asked_id, "rule": rule, "text": text, "ends": ends}
        )
        try:
            return self._answer(question, cancel)
        finally:
            forget()

    def _answer(self, question: int, cancel: CancelToken) -> Any:
        while True:
            try:
                kind, number, value = self._answers.get(timeout=self._limits.answer_s)
            except queue.Empty:
                self._stalled()
                raise Cancelled("the client did not answer") from None
            if number != question:
                continue  # of a question that was given up
            cancel.raise_if_cancelled()
            if kind == "answer" and value == "failed":
                raise BackendError("a rule of the client failed; see its log")
            return value

    def _stalled(self) -> None:
        """A client that does not answer, as one that was stopped, holds up nobody twice."""
        for asked in list(self._asked.values()):
            asked.cancel.cancel("stalled")

    def _learn(self, key: str, texts: list[str] | None) -> None:
        """Texts are large and the same key means the same ones, so they come only where they are missing."""
        if texts is None and not self._engine.knows(key):
            self._channel.send({"say": "teach", "key": key})
            return
        learned = self._engine.learn(key, tuple(texts or ()))
        learned.add_done_callback(lambda _: self._channel.send({"say": "learned", "key": key}))

    def _take(self, number: int, data: Json) -> None:
        self._asked_s, self._is_resting = time.monotonic(), False
        cancel = CancelToken()
        asked = Asked(number, self._request(number, data, cancel), cancel)
        with self._lock:
            is_too_much = self._limits.n_requests <= len(self._asked)
            if not is_too_much:
                self._asked[number] = asked
        if is_too_much:
            self._say(number, unanswered(asked.request, FinishReason.SUPERSEDED))
        else:
            self._line_up(asked)

    def _request(self, number: int, data: Json, cancel: CancelToken) -> GenerationRequest:
        """The request, with rules that ask the client where they could not be sent."""
        key = f"{self.prefix}{data['key']}"
        stop: StopRule | None = None
        if data["stop"] == ASKED:
            stop = lambda text: self.ask(number, "stop", text, ends=False, cancel=cancel)  # noqa: E731 - of two forms
        elif data["stop"] is not None:
            stop = rule_of(data["stop"])
        cost = None if data["cost"] is None else self._cost(number, data, cancel)
        return request_of(data, key=key, stop=stop, cost=cost)

    def _cost(self, number: int, data: Json, cancel: CancelToken) -> "AskedCost":
        naming = None if data["naming"] is None else naming_of(data["naming"], AskedKnown(self, number, cancel))
        return AskedCost(self, data["cost"], number, cancel, naming)

    def _line_up(self, asked: Asked) -> None:
        """Hand a request to the engine, or let it wait for the client's earlier ones of its kind."""
        turns = self._in_turn.get(asked.request.priority)
        if turns is not None:
            with self._lock:
                turns.append(asked)
                if 1 < len(turns):
                    return
        self._submit(asked)

    def _submit(self, asked: Asked) -> None:
        request = asked.request
        if request.deadline_ms is not None:
            request = replace(request, deadline_ms=max(0.0, request.deadline_ms - asked.clock.elapsed_ms()))
        future = self._engine.submit(request, asked.cancel)
        future.add_done_callback(lambda done: self._finish(asked, done))

    def _finish(self, asked: Asked, done: "Future[Generation]") -> None:
        """In the engine's thread: answer, and send in the next one that waits its turn."""
        with self._lock:
            self._asked.pop(asked.id, None)
            following = self._next_in_turn(asked)
        error = done.exception()
        if isinstance(error, DevstralError):
            self._channel.send({"say": "failed", "id": asked.id, **error_data(error)})
        else:
            self._say(asked.id, done.result())
        if following is not None:
            self._submit(following)

    def _next_in_turn(self, asked: Asked) -> Asked | None:
        turns = self._in_turn.get(asked.request.priority)
        if turns is None:
            return None
        turns.popleft()
        return turns[0] if turns else None

    def _cancel(self, number: int, reason: str) -> None:
        asked = self._asked.get(number)
        if asked is not None:
            asked.cancel.cancel(reason)

    def _say(self, number: int, generation: Generation) -> None:
        self._channel.send({"say": "done", "id": number, "generation": generation_data(generation)})


@dataclass(frozen=True)
class AskedCost:
    """A cost rule, of which all or a part stayed with its client; equal to others of the same number."""

    lease: Lease
    number: int
    asked_id: int = field(compare=False)
    cancel: CancelToken = field(compare=False)
    naming: Naming | None = field(compare=False)

    def __call__(self, text: str, ends: bool) -> float:  # noqa: FBT001  a `CostRule`
        if self.naming is not None:
            return self.naming(text, ends)
        return float(self.lease.ask(self.asked_id, "cost", text, ends=ends, cancel=self.cancel))


@dataclass(frozen=True, slots=True)
class AskedKnown:
    """What the client knows of names, asked once for a request; what it does not know it may learn meanwhile."""

    lease: Lease
    asked_id: int
    cancel: CancelToken
    _told: dict[tuple[str, str], tuple[frozenset[str] | None, float]] = field(default_factory=dict)  # and when, in s

    def members(self, receiver: str) -> frozenset[str] | None:
        """See `Known`."""
        return self._known("members", receiver)

    def keywords(self, callee: str) -> frozenset[str] | None:
        """See `Known`."""
        return self._known("keywords", callee)

    def names(self) -> frozenset[str] | None:
        """See `Known`."""
        return self._known("names", "")

    def _known(self, kind: str, name: str) -> frozenset[str] | None:
        known, at_s = self._told.get((kind, name), (None, -math.inf))
        if known is None and at_s + UNKNOWN_S < time.monotonic():
            answer = self.lease.ask(self.asked_id, kind, name, ends=False, cancel=self.cancel)
            known = None if answer is None else frozenset(answer)
            self._told[kind, name] = known, time.monotonic()
        return known
