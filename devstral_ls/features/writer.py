"""The model as a writer: what could stand in a hole of a text, and what it answers where it follows instructions."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from devstral_ls.cancel import CancelToken
from devstral_ls.context import Budget, Piece, Purpose, Sources, gather
from devstral_ls.engine.request import (
    Block,
    ChatPrompt,
    Completion,
    FinishReason,
    GenerationRequest,
    InfillPrompt,
    Priority,
    StopRule,
)
from devstral_ls.features.budgets import stable_tokens, window_tokens
from devstral_ls.features.project import taught
from devstral_ls.text import Document, Place, Span

if TYPE_CHECKING:  # the engine comes with numpy and a tokenizer; a caller that has one has loaded them
    from devstral_ls.engine.face import Engine

MAX_PREFIX_TOKENS = 1024
MAX_SUFFIX_TOKENS = 512
_SPARE_TOKENS = 128  # for the marks of a chat
# Natural logarithm, a token: what the model is less sure of is noise, and the checkers do not judge prose.
MIN_MEAN_LOGPROB = -1.25
_UNFINISHED = frozenset({FinishReason.CANCELLED, FinishReason.SUPERSEDED, FinishReason.REPEATED})


@dataclass(frozen=True, slots=True)
class Writer:
    """Asks the engine and waits for it; it belongs to a thread that may wait."""

    engine: "Engine"
    sources: Sources
    cancel: CancelToken

    @property
    def name(self) -> str:
        """What the model is called."""
        return str(self.engine.facts().get("model", ""))

    @property
    def fills(self) -> bool:
        """Whether it fills holes."""
        return self.engine.facts().get("infill") is not None

    @property
    def answers(self) -> bool:
        """Whether it follows instructions."""
        return self.engine.facts().get("chat") is not None

    def fill(
        self,
        document: Document,
        hole: Span,
        *,
        opening: str = "",
        max_tokens: int,
        stop: StopRule | None = None,
        n_best: int = 1,
        deadline_ms: float,
    ) -> list[Completion]:
        """Texts for `hole`, the likeliest first; `opening` is already written at its start."""
        text = document.text[: hole.start] + opening + document.text[hole.end :]
        place = Place(replace(document, text=text), hole.start + len(opening))
        neighbours = taught(document, self.engine, self.sources)
        request = GenerationRequest(
            prompt=self._prompt(place, deadline_ms),
            key=f"{document.uri}:{hole.start}",
            priority=Priority.FIX,
            max_tokens=max_tokens,
            deadline_ms=deadline_ms,
            stop=stop,
            n_best=n_best,
            project=neighbours.key if neighbours else "",
        )
        generation = self.engine.generate_blocking(request, self.cancel)
        return [each for each in generation.completions if _is_meant(each)]

    def ask(self, question: ChatPrompt, *, key: str, max_tokens: int, deadline_ms: float) -> Completion | None:
        """The answer to a question; None where nothing was said. Raises `PromptError` where it is too long."""
        request = GenerationRequest(
            prompt=question,
            key=key,
            priority=Priority.FIX,
            max_tokens=max_tokens,
            deadline_ms=deadline_ms,
        )
        generation = self.engine.generate_blocking(request, self.cancel)
        return next((each for each in generation.completions if each.text.strip()), None)

    def others(self, place: Place, question: ChatPrompt, *, max_tokens: int, deadline_ms: float) -> tuple[Piece, ...]:
        """What of other files there is room and time to read before a question about a place is answered."""
        count = self.engine.count_tokens
        used_tokens = count(question.system) + count(question.user) + max_tokens + _SPARE_TOKENS
        room_tokens = min(window_tokens(self.engine) - used_tokens, stable_tokens(self.engine, deadline_ms))
        if room_tokens <= 0:
            return ()
        budget = Budget(
            prefix_tokens=0,
            suffix_tokens=0,
            stable_tokens=room_tokens,
            count_tokens=count,
            purpose=Purpose.READING,
        )
        return gather(place, budget=budget, sources=self.sources).stable

    def _prompt(self, place: Place, deadline_ms: float) -> InfillPrompt:
        budget = Budget(
            prefix_tokens=MAX_PREFIX_TOKENS,
            suffix_tokens=MAX_SUFFIX_TOKENS,
            stable_tokens=stable_tokens(self.engine, deadline_ms),
            count_tokens=self.engine.count_tokens,
            purpose=Purpose.READING,
        )
        context = gather(place, budget=budget, sources=self.sources)
        return InfillPrompt(
            stable=tuple(Block(piece.path, piece.text) for piece in context.stable),
            title=place.document.path,
            suffix=context.suffix.replace("\r\n", "\n"),
            volatile=context.volatile,
            prefix=context.prefix.replace("\r\n", "\n"),
        )


def _is_meant(completion: Completion) -> bool:
    """Whether the model has finished saying something that it is sure enough of."""
    is_said = completion.finish not in _UNFINISHED and bool(completion.text.strip())
    return is_said and MIN_MEAN_LOGPROB <= completion.mean_logprob
