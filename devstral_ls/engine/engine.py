"""The engine: prompt text in, completions out, whatever the backend."""

import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import face
from devstral_ls.engine.adoption import Flights
from devstral_ls.engine.answered import Answered
from devstral_ls.engine.backends import Backend
from devstral_ls.engine.decode import Model
from devstral_ls.engine.learned import LearnedTexts
from devstral_ls.engine.match_model import PromptIndexes
from devstral_ls.engine.mixing import Ladder, Mixing
from devstral_ls.engine.prefix_cache import PrefixCache
from devstral_ls.engine.prompts import ChatPrompts, InfillPrompts
from devstral_ls.engine.request import Generation, GenerationRequest
from devstral_ls.engine.scheduler import Scheduler
from devstral_ls.engine.speculation import Speculation
from devstral_ls.engine.stream import Pace
from devstral_ls.engine.tokenizer import Tokenizer
from devstral_ls.errors import DevstralError, OutOfMemory, PromptError

_LOGGER = logging.getLogger(__name__)

# What parked caches may take: enough for many places in a small model, and for two long prompts in any.
CACHE_LIMIT_MIB = 64
TWO_PROMPTS_TOKENS = 2 * 4096
# More threads than this wait for memory rather than compute.
MAX_THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What the engine must know of a model beside its graph."""

    name: str
    window_tokens: int
    kv_bytes_per_token: int
    bos_token_id: int | None
    end_tokens: frozenset[int]
    infill_format: str | None
    chat_format: str | None = None
    match_ladder: Ladder = ()
    project_ladder: Ladder = ()
    infill_tokens: int | None = None  # None: its window
    gives_log_probabilities: bool = False  # whether what the backend calls logits are these


class Engine(face.Engine):
    """Takes requests from any thread; one worker thread of its own loads and runs the model."""

    def __init__(
        self,
        facts: ModelFacts,
        open_tokenizer: Callable[[], Tokenizer],
        open_backend: Callable[[], Backend],
        *,
        shown: Mapping[str, object] | None = None,
        open_fallback: Callable[[], Backend] | None = None,
        cache_limit_mib: int | None = None,
        speculation: Speculation | None = None,
    ) -> None:
        """`open_fallback` opens what is used instead when memory runs out."""
        self._facts = facts
        self._open_tokenizer = open_tokenizer
        self._open_backend = open_backend
        self._open_fallback = open_fallback
        self._shown = dict(shown or {})
        two_prompts_mib = TWO_PROMPTS_TOKENS * facts.kv_bytes_per_token >> 20
        self._cache_limit_mib = max(CACHE_LIMIT_MIB, two_prompts_mib) if cache_limit_mib is None else cache_limit_mib
        self._speculation = speculation
        self._model: Model | None = None
        self._refusal: DevstralError | None = None
        self.answered = Answered()
        self._scheduler = Scheduler(self._load, self.answered.add, self._fall_back)

    def submit(self, request: GenerationRequest, cancel: CancelToken) -> "Future[Generation]":
        """The same for callers that wait later."""
        return self._scheduler.submit(request, cancel)

    def learn(self, key: str, texts: tuple[str, ...]) -> "Future[None]":
        """Take in texts that requests may repeat when they name the `key`; nobody needs to wait for it.

        The same key always means the same texts, so to teach them again costs nothing.
        """
        learned: Future[None] = Future()
        if self._facts.project_ladder:
            self._learned.learn(key, texts).add_done_callback(lambda _: learned.set_result(None))
        else:  # this model is not told what a project says
            learned.set_result(None)
        return learned

    def knows(self, key: str) -> bool:
        """Whether there is no need to teach what goes by this key."""
        return not self._facts.project_ladder or self._learned.knows(key)

    def count_tokens(self, text: str) -> int:
        """How much of a budget this text takes."""
        return len(self._tokenizer.encode(text))

    def facts(self) -> dict[str, object]:
        """What `doctor` and the status show."""
        model = self._model
        caches = {"parked": model.caches.n_slots, "mib": model.caches.size_bytes >> 20} if model else {}
        return {
            "model": self._facts.name,
            "window_tokens": self._facts.window_tokens,
            "infill_tokens": self._facts.infill_tokens or self._facts.window_tokens,
            "infill": self._facts.infill_format,
            "chat": self._facts.chat_format,
            "is_loaded": model is not None,
            "cache_limit_mib": self._cache_limit_mib,
            "caches": caches,
            **self._shown,
        }

    def forget(self, prefix: str) -> None:
        """Drop what is kept for requests whose keys begin so: their owner has gone."""
        self._scheduler.between_jobs(lambda model: _forget(model, prefix))

    def on_rest(self, rested: Callable[[], None]) -> None:
        """See `face.Engine`; nobody else has this one."""

    def close(self) -> None:
        """Cancel and answer what is under way, then free the model."""
        self._scheduler.close()
        self._learned.close()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return self._open_tokenizer()

    @cached_property
    def _learned(self) -> LearnedTexts:
        return LearnedTexts(self._tokenizer.encode)

    def _load(self) -> Model:
        """Runs in the worker thread."""
        facts, backend = self._facts, self._opened_backend()
        prompts, chats = self._prompts(), self._chats()
        stops = frozenset[int]().union(*(each.stop_tokens for each in (prompts, chats) if each is not None))
        limit_bytes = self._cache_limit_mib << 20
        caches = PrefixCache(backend, limit_bytes=limit_bytes, bytes_per_token=facts.kv_bytes_per_token)
        self._model = Model(
            backend=backend,
            tokenizer=self._tokenizer,
            prompts=prompts,
            chats=chats,
            end_tokens=facts.end_tokens | stops,
            caches=caches,
            pace=Pace(),
            speculation=self._speculation,
            flights=Flights(),
            indexes=PromptIndexes(),
            mixing=self._mixing(facts.end_tokens | stops),
            learned=self._learned,
            gives_log_probabilities=facts.gives_log_probabilities,
        )
        return self._model

    def _opened_backend(self) -> Backend:
        """A model that was refused once is refused again at once: checking it reads the whole folder."""
        if self._refusal is not None:
            raise self._refusal
        try:
            return self._open_backend()
        except OutOfMemory as error:
            if self._fall_back(error):
                return self._opened_backend()
            self._refusal = error
            raise
        except DevstralError as error:
            self._refusal = error
            raise

    def _fall_back(self, shortage: OutOfMemory) -> bool:
        """Whether there is something else to open from now on."""
        if self._open_fallback is None:
            return False
        _LOGGER.warning("%s; going on on the CPU, slower", shortage)
        self._shown["fell_back"] = f"to the CPU: {shortage}"
        self._open_backend, self._open_fallback = self._open_fallback, None
        return True

    def _mixing(self, end_tokens: frozenset[int]) -> Mixing | None:
        if not self._facts.match_ladder:
            return None
        is_text = np.array([bool(piece) for piece in self._tokenizer.pieces])
        return Mixing(self._facts.match_ladder, self._facts.project_ladder, is_text, sorted(end_tokens))

    def _prompts(self) -> InfillPrompts | None:
        if self._facts.infill_format is None:
            return None
        return InfillPrompts(self._facts.infill_format, self._tokenizer, self._facts.bos_token_id)

    def _chats(self) -> ChatPrompts | None:
        facts = self._facts
        if facts.chat_format is None:
            return None
        try:
            return ChatPrompts(facts.chat_format, self._tokenizer, facts.bos_token_id, min(facts.end_tokens))
        except PromptError as error:  # it may still fill holes
            _LOGGER.warning("this model is not asked questions: %s", error)
            self._shown["chat"] = None
            return None


def _forget(model: Model, prefix: str) -> None:
    model.flights.forget(prefix)
    model.caches.forget(prefix)


def choose_threads(wanted: int) -> int:
    """The threads that were asked for, or as many as this machine has to spare.

    Threads that wait for each other collapse when they outnumber the free cores: beside one program that takes a
    core, a second thread on two cores makes decoding and prefill slower (`benchmarks/engine/threads.py`).
    """
    if 0 < wanted:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, min(MAX_THREADS, cores - round(busy)))
