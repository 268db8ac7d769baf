"""An engine that runs in another process, shared with other editors, with the face of one that runs here."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import face
from devstral_ls.engine.answered import Answered
from devstral_ls.engine.request import FinishReason, Generation, GenerationRequest
from devstral_ls.errors import DevstralError, EngineClosed, NotShared
from devstral_ls.sharing.channel import Channel
from devstral_ls.sharing.messages import CostNumbers, error_of, generation_of, request_data, unanswered
from devstral_ls.sharing.rules import Json, known_to

if TYPE_CHECKING:  # numpy and the tokenizer, loaded when tokens are counted
    from devstral_ls.engine.tokenizer import Tokenizer

LESSONS_LIMIT = 4
SILENCE_S = 5.0  # twice as long without a word, though asked for one, and the engine counts as dead
CRASHES = 2  # within `CRASHES_S`: from then on this process has its own engine
CRASHES_S = 600.0

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How this process comes to an engine, and what it knows of the model itself."""

    meet: Callable[[], Channel]  # or NotShared
    open_own: Callable[[], face.Engine]
    open_tokenizer: "Callable[[], Tokenizer]"
    facts: dict[str, object]


@dataclass(slots=True, eq=False)
class Asked:
    """A request without an answer."""

    id: int
    request: GenerationRequest
    cancel: CancelToken
    future: "Future[Generation]"
    is_sent: bool = False


@dataclass(slots=True, eq=False)
class Lesson:
    """Texts that the engine is to learn."""

    texts: tuple[str, ...]
    future: "Future[None]"

    def end(self, _learned: "Future[None] | None" = None) -> None:
        if not self.future.done():
            self.future.set_result(None)


class SharedEngine(face.Engine):
    """Takes requests from any thread. One thread of its own hears, judges texts where it is asked to, and answers.

    What was sent when the other side dies is answered with nothing, not sent again: it may be what killed it.
    What comes while there is no engine waits for the next one, which is a new shared one or, in the end, our own.
    """

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._lock = threading.Lock()
        self._asked: dict[int, Asked] = {}
        self._numbers = count()
        self._costs = CostNumbers()
        self._lessons: OrderedDict[str, Lesson] = OrderedDict()
        self._channel: Channel | None = None
        self._own: face.Engine | None = None
        self._is_meeting = False
        self._is_closed = False
        self._crashes_s: deque[float] = deque(maxlen=CRASHES)
        self._rested: list[Callable[[], None]] = []
        self.answered = Answered()
        self._meet()

    def submit(self, request: GenerationRequest, cancel: CancelToken) -> "Future[Generation]":
        """See `face.Engine`."""
        asked = Asked(next(self._numbers), request, cancel, Future())
        asked.future.set_running_or_notify_cancel()
        with self._lock:
            if self._is_closed:
                raise EngineClosed("the engine is closed; start the server again")
            self._asked[asked.id] = asked
        forget = cancel.on_cancel(lambda: self._give_up(asked))
        asked.future.add_done_callback(lambda _: forget())
        self._send_waiting()
        return asked.future

    def learn(self, key: str, texts: tuple[str, ...]) -> "Future[None]":
        """See `face.Engine`."""
        with self._lock:
            lesson = self._lessons.get(key)
            if lesson is None or lesson.future.done():
                lesson = self._lessons[key] = Lesson(texts, Future())
            self._lessons.move_to_end(key)
            forgotten = self._lessons.popitem(last=False)[1] if LESSONS_LIMIT < len(self._lessons) else None
            channel, own = self._channel, self._own
        if forgotten is not None:
            forgotten.end()
        if own is not None:
            return own.learn(key, texts)
        if channel is not None:
            channel.send({"say": "learn", "key": key})
        return lesson.future

    def count_tokens(self, text: str) -> int:
        """See `face.Engine`; the tokenizer is here, without the model."""
        return len(self._tokenizer.encode(text))

    def facts(self) -> dict[str, object]:
        """See `face.Engine`."""
        own = self._own
        return {**self._ways.facts, "is_shared": self._channel is not None, **(own.facts() if own else {})}

    def on_rest(self, rested: Callable[[], None]) -> None:
        """See `face.Engine`; called in the thread that hears."""
        self._rested.append(rested)

    def close(self) -> None:
        """See `face.Engine`; the shared one goes on for others."""
        with self._lock:
            self._is_closed = True
            channel, own, left = self._channel, self._own, list(self._asked.values())
            lessons = list(self._lessons.values())
        for asked in left:
            asked.cancel.cancel("closed")
        for lesson in lessons:
            lesson.end()
        if channel is not None:
            channel.close()
        if own is not None:
            own.close()

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return self._ways.open_tokenizer()

    # To an engine, and from one to the next

    def _meet(self) -> None:
        """Look for an engine, in a thread: nobody who types may wait for a process to start."""
        with self._lock:
            if self._is_meeting or self._is_closed or self._channel or self._own:
                return
            self._is_meeting = True
        threading.Thread(target=self._live, name="devstral-shared", daemon=True).start()

    def _live(self) -> None:
        """The thread: one shared engine after the other, until there is reason to have our own."""
        while (channel := self._met()) is not None:
            with self._lock:
                self._channel, self._is_meeting = channel, False
                open_lessons = [key for key, lesson in self._lessons.items() if not lesson.future.done()]
            for key in open_lessons:
                channel.send({"say": "learn", "key": key})
            self._send_waiting()
            said_bye = self._hear(channel)
            channel.close()
            if not self._lost(said_bye=said_bye):
                return

    def _met(self) -> Channel | None:
        """A channel to a shared engine; None where there is our own now, or none at all."""
        if len(self._crashes_s) == CRASHES and time.monotonic() - self._crashes_s[0] < CRASHES_S:
            self._have_own(f"the shared one has ended {CRASHES} times within {CRASHES_S / 60:.0f} minutes")
            return None
        try:
            return self._ways.meet()
        except NotShared as reason:
            self._have_own(str(reason))
            return None

    def _have_own(self, reason: str) -> None:
        """Where that fails too, whatever waits hears why, and the next request tries all this again."""
        _LOGGER.warning("this process gets an engine of its own: %s", reason)
        try:
            own = self._ways.open_own()
        except DevstralError as error:
            with self._lock:
                self._is_meeting, waiting = False, list(self._asked.values())
            for asked in waiting:
                self._fail(asked, error)
            return
        with self._lock:
            self._own, self._is_meeting = own, False
            lessons = list(self._lessons.items())
        for key, lesson in lessons:
            own.learn(key, lesson.texts).add_done_callback(lesson.end)
        self._send_waiting()

    def _lost(self, *, said_bye: bool) -> bool:
        """Answer what was sent; whether to look for another engine at once."""
        with self._lock:
            self._channel = None
            sent = [asked for asked in self._asked.values() if asked.is_sent]
            if said_bye:  # it left before it saw these
                for asked in sent:
                    asked.is_sent = False
            is_needed = not self._is_closed and (not said_bye or bool(self._asked))
            self._is_meeting = is_needed
        if not said_bye:
            self._crashes_s.append(time.monotonic())
            for asked in sent:
                self._answer(asked, unanswered(asked.request, FinishReason.CANCELLED))
        return is_needed

    def _send_waiting(self) -> None:
        """Hand what waits to the engine that there is, or look for one."""
        with self._lock:
            channel, own = self._channel, self._own
            waiting = [asked for asked in self._asked.values() if not asked.is_sent] if channel or own else []
            for asked in waiting:
                asked.is_sent = True
            numbers = [None if each.request.cost is None else self._costs.number(each.request.cost) for each in waiting]
        for asked, number in zip(waiting, numbers, strict=True):
            if own is not None:
                self._ask_own(own, asked)
            elif channel is not None:
                channel.send({"say": "generate", "id": asked.id, "request": request_data(asked.request, number)})
        if channel is None and own is None:
            self._meet()

    def _ask_own(self, own: face.Engine, asked: Asked) -> None:
        def answered(done: "Future[Generation]") -> None:
            error = done.exception()
            if error is None:
                self._answer(asked, done.result())
            else:
                self._fail(asked, error)

        own.submit(asked.request, asked.cancel).add_done_callback(answered)

    # What the shared engine says

    def _hear(self, channel: Channel) -> bool:
        """Take what it says until it ends; whether it said goodbye."""
        channel.limit_silence(SILENCE_S)
        was_silent = False
        while True:
            try:
                message = channel.receive()
            except BlockingIOError:
                if was_silent and self._asked:
                    return False
                was_silent = bool(self._asked)
                if was_silent:
                    channel.send({"say": "ping"})
                continue
            if message is None or message["say"] == "bye":
                return message is not None
            was_silent = False
            self._take(channel, message)

    def _take(self, channel: Channel, message: Json) -> None:
        match message:
            case {"say": "question", "question": question, "id": number, "rule": rule, "text": text, "ends": ends}:
                value = self._judged(number, rule, text, ends=ends)
                channel.send({"say": "answer", "question": question, "value": value})
            case {"say": "teach", "key": key}:
                if lesson := self._lessons.get(key):
                    channel.send({"say": "learn", "key": key, "texts": lesson.texts})
            case {"say": "learned", "key": key}:
                if lesson := self._lessons.get(key):
                    lesson.end()
            case {"say": "rest"}:
                for rested in self._rested:
                    rested()
            case {"id": int(number)}:
                self._take_outcome(number, message)

    def _take_outcome(self, number: int, message: Json) -> None:
        match message:
            case {"say": "done", "generation": generation}:
                if asked := self._asked.get(number):
                    self._answer(asked, generation_of(generation))
            case {"say": "failed"}:
                if asked := self._asked.get(number):
                    self._fail(asked, error_of(message))

    def _judged(self, number: int, rule: str, text: str, *, ends: bool) -> object:
        """What a rule of an open request says of a text."""
        asked = self._asked.get(number)
        request = None if asked is None else asked.request
        if request is None:
            return "failed"  # nobody waits for it any more
        try:
            if rule == "stop":
                return "failed" if request.stop is None else request.stop(text)
            if request.cost is None:
                return "failed"
            return request.cost(text, ends) if rule == "cost" else known_to(request.cost, rule, text)
        except Exception:  # as in the engine's own thread, which must outlive every rule
            _LOGGER.exception("a rule failed")
            return "failed"

    # Each request is answered once

    def _give_up(self, asked: Asked) -> None:
        """Cancelled here: nobody waits for what the other side makes of it. Our own engine hears it from the token."""
        channel = self._channel
        if self._own is None:
            self._answer(asked, unanswered(asked.request, FinishReason.CANCELLED))
            if channel is not None and asked.is_sent:
                channel.send({"say": "cancel", "id": asked.id, "reason": asked.cancel.reason or "cancelled"})

    def _answer(self, asked: Asked, generation: Generation) -> None:
        if self._is_open(asked):
            self.answered.add(generation.metrics)
            asked.future.set_result(generation)

    def _fail(self, asked: Asked, error: BaseException) -> None:
        if self._is_open(asked):
            asked.future.set_exception(error)

    def _is_open(self, asked: Asked) -> bool:
        """Whether it has no answer yet; whoever hears yes gives it one."""
        with self._lock:
            return self._asked.pop(asked.id, None) is not None
