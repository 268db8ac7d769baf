"""One request from prompt to completions, as a generator of steps: between two steps others may run."""

import math
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.adoption import Flight, Flights, is_adoptable
from devstral_ls.engine.backends import Backend
from devstral_ls.engine.candidate import Candidate, Limits
from devstral_ls.engine.clock import Clock
from devstral_ls.engine.healing import heal
from devstral_ls.engine.learned import LearnedTexts
from devstral_ls.engine.match_model import PromptIndexes
from devstral_ls.engine.mixing import Mixer, Mixing
from devstral_ls.engine.prefix_cache import PrefixCache
from devstral_ls.engine.prompts import ChatPrompts, InfillPrompts
from devstral_ls.engine.request import (
    CacheKind,
    ChatPrompt,
    Completion,
    FinishReason,
    Generation,
    GenerationRequest,
    InfillPrompt,
    Metrics,
)
from devstral_ls.engine.sampling import CostOf, Sampler, free
from devstral_ls.engine.speculation import Drafter, Speculation
from devstral_ls.engine.stream import Pace, Row, Stream
from devstral_ls.engine.tokenizer import Tokenizer, Tokens
from devstral_ls.errors import Cancelled, PromptError

Steps = Generator[None, None, None]

# At least this share of the window is left to the prompt, whatever the request wants to generate.
PROMPT_SHARE = 0.5
# Shorter completions end before a draft has paid for its index.
MIN_SPECULATED_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model and what is built on it."""

    backend: Backend
    tokenizer: Tokenizer
    prompts: InfillPrompts | None  # None: not a fill-in-the-middle model
    chats: ChatPrompts | None  # None: it follows no instructions
    end_tokens: frozenset[int]
    caches: PrefixCache
    pace: Pace
    speculation: Speculation | None  # None: off
    flights: Flights
    indexes: PromptIndexes
    learned: LearnedTexts
    mixing: Mixing | None = None  # None: the network speaks alone
    gives_log_probabilities: bool = False

    @property
    def n_words(self) -> int:
        """How many tokens mean something: many models pad their vocabulary beyond the tokenizer's."""
        return max(len(self.tokenizer.pieces), 1 + max(self.end_tokens))

    @property
    def log_total(self) -> float | None:
        """Of the exponentials of a row's words, where it is known without summing them."""
        return 0.0 if self.gives_log_probabilities and self.n_words == self.backend.vocab_size else None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a completion begins: a prompt, what was typed behind it, and what was said before by an older request."""

    tokens: Tokens
    typed: bytes = b""
    said: tuple[tuple[int, float], ...] = ()
    n_covered: int = 0  # tokens of `said` that spell nothing but `typed`


@dataclass(frozen=True, slots=True)
class Branch:
    """Where the model was torn: after so many tokens of the best candidate it might have said another."""

    n_before: int
    token: int
    logprob: float


class Decoding:
    """One request at work: drive `steps` to the end, or not, then take `generation`."""

    def __init__(
        self,
        model: Model,
        request: GenerationRequest,
        *,
        cancel: CancelToken,
        outdated: CancelToken,
        clock: Clock,
        number: int,
    ) -> None:
        self._model = model
        self._request = request
        self._cancel = cancel
        self._outdated = outdated
        self._clock = clock
        self._number = number
        self._candidates: list[Candidate] = []
        self._branches: list[Branch] = []
        self._start = Start(np.empty(0, np.int64))
        self._n_reused = self._n_prefilled = self._n_drafted = self._n_accepted = 0
        self._cache = CacheKind.UNUSED
        self._mixer: Mixer | None = None
        self._has_project = False
        self._ended: FinishReason | None = None

    def steps(self) -> Steps:
        """Work until done, cancelled or late."""
        self._clock.start()
        with closing(self._work()) as work:
            try:
                for _ in work:
                    yield
                    if self._is_over():
                        break
            except Cancelled:
                self._is_over()
        self._remember()

    def generation(self) -> Generation:
        """What there is by now."""
        self._clock.end()
        otherwise = self._ended or FinishReason.CANCELLED
        begun = [candidate.completion(otherwise) for candidate in self._candidates if candidate.said]
        ranked = begun[:1] + sorted(begun[1:], key=lambda completion: -completion.mean_logprob)
        return Generation(tuple(_unlike(ranked)), self._metrics(ranked[0].finish if ranked else otherwise))

    def _work(self) -> Steps:
        start = self._start = self._adopted() or self._rendered()
        first = self._candidate()
        if first.finish is not None:
            self._n_reused = len(start.tokens) + start.n_covered
            self._cache = CacheKind.ADOPTED
            return
        tokens = np.concatenate([start.tokens, np.array(first.tokens, np.int64)])
        with self._opened(tokens) as stream:
            row = yield from stream.prefill(tokens)
            self._clock.prefilled()
            if not self._request.max_tokens:
                self._ended = FinishReason.LENGTH
            elif self._request.sampling.temperature <= 0.0:
                yield from self._greedy(stream, row, first)
            else:
                yield from self._sampled(stream, row, first)

    def _adopted(self) -> Start | None:
        """Where an older request of this document stood, if the user has typed what it was generating."""
        continued = self._model.flights.continued_by(self._request)
        if continued is None:
            return None
        flight, typed = continued
        hidden = flight.typed + typed.encode()
        spoken = (token for token, _ in flight.said if token not in self._model.end_tokens)
        lengths = accumulate(len(self._model.tokenizer.pieces[token]) for token in spoken)
        n_covered = sum(length <= len(hidden) for length in lengths)
        room = self._model.backend.window_tokens - len(flight.tokens) - n_covered
        if room < self._request.max_tokens:
            return None  # the prompt has to be cut anew
        return Start(flight.tokens, hidden, flight.said, n_covered)

    def _rendered(self) -> Start:
        prompts, window, prompt = self._model.prompts, self._model.backend.window_tokens, self._request.prompt
        limit = max(window - self._request.max_tokens, int(window * PROMPT_SHARE))
        if isinstance(prompt, ChatPrompt):
            if self._model.chats is None:
                raise PromptError("this model has no chat format; choose one that follows instructions")
            return Start(self._model.chats.render(prompt, limit))
        if prompts is None:
            raise PromptError("this model has no fill-in-the-middle format; choose one that has")
        tokens = prompts.render(prompt, limit)
        if not prompts.heals:
            return Start(tokens)
        healed = heal(tokens, self._model.tokenizer)
        return Start(healed.tokens, healed.typed)

    def _remember(self) -> None:
        """For the next request of this document, which may go on from here."""
        if self._candidates and self._candidates[0].said and is_adoptable(self._request):
            best, start = self._candidates[0], self._start
            assert isinstance(self._request.prompt, InfillPrompt)
            flight = Flight(
                self._request.prompt, start.tokens, start.typed, tuple(best.said), best.uncut, self._request.cost
            )
            self._model.flights.remember(self._request.key, flight)

    @contextmanager
    def _opened(self, tokens: Tokens) -> Iterator[Stream]:
        model = self._model
        slot = model.caches.lease(tokens, self._request.key)
        self._cache = CacheKind.ADOPTED if self._start.said else slot.origin
        self._n_reused = min(slot.n_tokens, len(tokens) - 1)
        self._n_prefilled = len(tokens) - self._n_reused
        drafter = self._prepared(tokens) if self._request.max_tokens else None
        stream = Stream(model.backend, slot, self._cancel, pace=model.pace, drafter=drafter)
        try:
            yield stream
        finally:
            model.caches.release(slot)
            self._n_drafted, self._n_accepted = stream.n_drafted, stream.n_accepted

    def _prepared(self, tokens: Tokens) -> Drafter | None:
        """Index the prompt for what mixes and drafts from it."""
        model, request = self._model, self._request
        others = model.indexes.of_references(request.references, model.tokenizer.encode)
        if model.mixing is not None:
            project = model.learned.index(request.project) if request.project else None
            self._has_project = project is not None
            self._mixer = Mixer(model.mixing, [model.indexes.exact(tokens), *others], project)
        if model.speculation is None or request.max_tokens < MIN_SPECULATED_TOKENS:
            return None
        return model.speculation.drafter([model.indexes.lagging(tokens), *others])

    def _greedy(self, stream: Stream, row: Row, best: Candidate) -> Steps:
        """The most probable candidate, then others from where it was least sure.

        The cache still holds the best one, so from its end backwards each branch is one rewind away.
        """
        sampler = Sampler(self._request.sampling)
        yield from self._go_on(stream, row, best, sampler)
        torn = sorted(self._branches, key=lambda branch: -branch.logprob)[: self._request.n_best - 1]
        for branch in sorted(torn, key=lambda branch: -branch.n_before):
            other = self._candidate()
            for token, logprob in best.said[: branch.n_before]:
                other.add(token, logprob)
            if other.add(branch.token, branch.logprob):
                yield
                stream.rewind(len(self._start.tokens) + branch.n_before)
                yield from self._go_on(stream, stream.advance(branch.token), other, sampler)

    def _sampled(self, stream: Stream, row: Row, first: Candidate) -> Steps:
        """Independent draws, each from the end of the prompt."""
        first_row = row.copy()
        sampling = self._request.sampling
        for n in range(self._request.n_best):
            stream.rewind(len(self._start.tokens))
            sampler = Sampler(replace(sampling, seed=sampling.seed + n))
            candidate = self._candidate() if n else first
            yield from self._go_on(stream, first_row, candidate, sampler)

    def _candidate(self) -> Candidate:
        """A new one that has said what the start says."""
        start, window = self._start, self._model.backend.window_tokens
        room = window - len(start.tokens) - start.n_covered
        limits = Limits(self._model.end_tokens, min(self._request.max_tokens, room), self._request.stop)
        pieces = self._model.tokenizer.pieces
        candidate = Candidate(limits, pieces, typed=start.typed, n_covered=start.n_covered)
        self._candidates.append(candidate)
        for token, logprob in start.said:
            if not candidate.add(token, logprob):
                break
        return candidate

    def _go_on(self, stream: Stream, row: Row, candidate: Candidate, sampler: Sampler) -> Steps:
        """Token after token until a rule ends the candidate."""
        wants_branches = 1 < self._request.n_best and len(self._candidates) == 1
        n_words, log_total = self._model.n_words, self._model.log_total
        while True:
            words = row[:n_words]
            chances = None if self._mixer is None else self._mixer.mixed(words, stream.context, total=log_total)
            mixed, total = (words, log_total) if chances is None else (chances, 0.0)
            chosen = self._chosen(mixed, candidate, sampler, total)
            if chosen is None:
                candidate.finish = FinishReason.STOPPED
                return
            token, logprob = chosen
            if wants_branches and not candidate.owed:
                self._remember_branch(sampler.runner_up(mixed, token, self._cost_of(candidate), total), candidate)
            goes_on = candidate.add(token, logprob)
            self._clock.first_token()
            if not goes_on:
                return
            yield
            row = stream.advance(token)

    def _chosen(
        self, logits: NDArray[np.float32], candidate: Candidate, sampler: Sampler, total: float | None
    ) -> tuple[int, float] | None:
        """The next token, which has to spell what is owed, or None where none may come."""
        owed = candidate.owed
        allowed = self._model.tokenizer.table.leading_to([owed]) if owed else None
        if allowed is not None and not len(allowed):
            return None
        if self._request.cost is None:
            return sampler.choose(logits, allowed, total=total)
        return sampler.choose_weighed(logits, self._cost_of(candidate), allowed, total=total)

    def _cost_of(self, candidate: Candidate) -> CostOf:
        """What each token would cost behind what the candidate says."""
        cost, end_tokens, pieces = self._request.cost, self._model.end_tokens, self._model.tokenizer.pieces
        if cost is None:
            return free

        def cost_of(token: int) -> float:
            if token in end_tokens:
                return cost(candidate.uncut, True)
            return cost(candidate.text_with(token), False) if pieces[token] else math.inf

        return cost_of

    def _remember_branch(self, other: tuple[int, float] | None, candidate: Candidate) -> None:
        if other is not None:
            self._branches.append(Branch(len(candidate.tokens), *other))

    def _is_over(self) -> bool:
        """Whether the caller wants no more; remembers why."""
        if self._cancel.is_cancelled:
            self._ended = FinishReason.CANCELLED
        elif self._outdated.reason is not None:
            self._ended = FinishReason(self._outdated.reason)
        elif self._request.deadline_ms is not None and self._request.deadline_ms <= self._clock.elapsed_ms():
            self._ended = FinishReason.DEADLINE
        return self._ended is not None

    def _metrics(self, finish: FinishReason) -> Metrics:
        return Metrics(
            n_prompt_tokens=len(self._start.tokens) + self._start.n_covered,
            n_reused_tokens=self._n_reused,
            n_prefilled_tokens=self._n_prefilled,
            n_generated_tokens=sum(candidate.n_tokens for candidate in self._candidates),
            queue_ms=self._clock.queue_ms,
            prefill_ms=self._clock.prefill_ms,
            first_token_ms=self._clock.first_token_ms,
            total_ms=self._clock.total_ms,
            request_number=self._number,
            priority=self._request.priority,
            finish=finish,
            n_drafted_tokens=self._n_drafted,
            n_accepted_tokens=self._n_accepted,
            cache=self._cache,
            has_project=self._has_project,
        )


def unanswered(request: GenerationRequest, clock: Clock, number: int, reason: FinishReason) -> Metrics:
    """Of a request that never reached the model, or failed there."""
    clock.end()
    return Metrics(
        queue_ms=clock.queue_ms,
        prefill_ms=clock.prefill_ms,
        first_token_ms=clock.first_token_ms,
        total_ms=clock.total_ms,
        request_number=number,
        priority=request.priority,
        finish=reason,
    )


def _unlike(completions: list[Completion]) -> Iterator[Completion]:
    """Each text once, at its best place."""
    seen: set[str] = set()
    for completion in completions:
        if completion.text not in seen:
            seen.add(completion.text)
            yield completion
