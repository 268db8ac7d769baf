"""What callers ask of the engine and what they get back: text, never token ids."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any


class Priority(IntEnum):
    """What goes first when several requests wait; a smaller number goes first."""

    TYPING = 0
    EXPLICIT = 1
    FIX = 2
    HOVER = 3
    PREFILL = 4


class FinishReason(StrEnum):
    """Why a completion ended where it does."""

    END = "end"  # the model wrote its end token
    STOPPED = "stopped"  # a stop text or the caller's stop rule
    LENGTH = "length"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    REPEATED = "repeated"
    FAILED = "failed"  # raised an error instead of answering


class CacheKind(StrEnum):
    """Where the beginning of a prompt came from."""

    UNUSED = "unused"  # the model was not asked
    COLD = "cold"  # computed from nothing
    COPIED = "copied"  # copied from the cache of another text with the same beginning
    WARM = "warm"  # stood in the cache of the same text
    ADOPTED = "adopted"  # the user typed what an older request had generated already


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of other text that the model should see, under a title such as a file's name."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class InfillPrompt:
    """The parts of a fill-in-the-middle prompt, from what changes least to what changes most.

    The order of DESIGN.md: `stable` | `suffix` | `volatile` | `prefix`, so that typing changes only the end.
    """

    stable: tuple[Block, ...]
    title: str  # the name of the text being completed
    suffix: str
    volatile: str
    prefix: str


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A question for a model that follows instructions: how it is to answer, and what is asked."""

    system: str
    user: str
    before: tuple[tuple[str, str], ...] = ()  # earlier questions with their answers, the oldest first


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; temperature 0 is greedy."""

    temperature: float = 0.0
    top_k: int = 0  # 0: off
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0


# Given the text generated so far: the length at which to cut it, or None to go on.
StopRule = Callable[[str], int | None]

# What a text costs, in nats, if the next token makes it this and, where the second says so, ends it. It is weighed
# against the log-probability of that token; infinite where the text may not stand. Equal rules cost the same.
CostRule = Callable[[str, bool], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One piece of work for the engine."""

    prompt: InfillPrompt | ChatPrompt
    key: str  # a newer request with the same key and TYPING priority supersedes an older one
    priority: Priority = Priority.TYPING
    max_tokens: int = 64
    deadline_ms: float | None = None
    stop: StopRule | None = None
    cost: CostRule | None = None
    sampling: Sampling = Sampling()
    n_best: int = 1
    references: tuple[str, ...] = ()  # texts that the completion may copy from: drafts for speculation
    project: str = ""  # the key under which `Engine.learn` was taught the texts around the document


@dataclass(frozen=True, slots=True)
class LineEnd:
    """How sure the model was of a completion up to the end of one of its lines."""

    end: int  # in characters of the text, before the line break
    mean_logprob: float
    min_logprob: float


@dataclass(frozen=True, slots=True)
class Completion:
    """One candidate: what the model wrote, cut where the stop rule said."""

    text: str
    finish: FinishReason
    n_tokens: int
    mean_logprob: float
    min_logprob: float
    line_ends: tuple[LineEnd, ...] = ()  # of the lines that another one follows

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Completion":
        """The same from JSON, as `asdict` makes it."""
        ends = tuple(LineEnd(**each) for each in data.get("line_ends", ()))
        return cls(**{**data, "finish": FinishReason(data["finish"]), "line_ends": ends})


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Where the time of one request went; counts and times, never text."""

    n_prompt_tokens: int = 0
    n_reused_tokens: int = 0
    n_prefilled_tokens: int = 0
    n_generated_tokens: int = 0
    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    request_number: int = 0
    priority: Priority = Priority.TYPING
    finish: FinishReason = FinishReason.END
    n_drafted_tokens: int = 0
    n_accepted_tokens: int = 0
    cache: CacheKind = CacheKind.UNUSED
    has_project: bool = False  # whether what the project says was mixed in

    @property
    def is_adopted(self) -> bool:
        return self.cache is CacheKind.ADOPTED

    @property
    def tokens_per_s(self) -> float:
        """Speed of decoding, the first token left out."""
        decode_ms = self.total_ms - self.first_token_ms
        return 1e3 * (self.n_generated_tokens - 1) / decode_ms if 1 < self.n_generated_tokens and 0 < decode_ms else 0.0

    def record(self) -> dict[str, object]:
        """For JSON: all of it, and the speed."""
        return {**asdict(self), "tokens_per_s": self.tokens_per_s}


@dataclass(frozen=True, slots=True)
class Generation:
    """The answer to a request, best candidate first; no candidates when it was cancelled before its first token."""

    completions: tuple[Completion, ...]
    metrics: Metrics
