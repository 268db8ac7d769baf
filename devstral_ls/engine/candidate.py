"""One completion while it grows, token by token, and the rules that end it."""

from dataclasses import dataclass

from devstral_ls.engine.request import Completion, FinishReason, LineEnd, StopRule
from devstral_ls.engine.stopping import is_repeating
from devstral_ls.engine.tokenizer import Detokenizer

# The search for repetitions takes longer than a look at a token, so it is done now and then.
REPETITION_CHECK_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a completion of one request."""

    end_tokens: frozenset[int]
    max_tokens: int
    stop: StopRule | None


class Candidate:
    """Its text begins with `typed`, which stands in the document already and is not shown.

    The first `n_covered` tokens spell nothing but that, and count for nothing.
    """

    __slots__ = (
        *("_cut", "_detokenizer", "_limits", "_line_ends", "_n_covered", "_n_hidden", "_pieces", "_spelled"),
        *("finish", "owed", "said", "tokens"),
    )

    def __init__(self, limits: Limits, pieces: list[bytes], *, typed: bytes = b"", n_covered: int = 0) -> None:
        self._limits = limits
        self._pieces = pieces
        self._n_hidden = len(typed.decode())
        self._n_covered = n_covered
        self._detokenizer = Detokenizer(pieces)
        self._spelled = ""
        self._cut: int | None = None
        self._line_ends: list[tuple[int, int]] = []  # lengths of `uncut`, and how many tokens were said by then
        self.owed = typed  # what the next tokens have to spell
        self.said: list[tuple[int, float]] = []  # tokens with their log-probabilities, the end token too
        self.tokens: list[int] = []
        self.finish: FinishReason | None = None

    @property
    def uncut(self) -> str:
        """All that was generated behind what was typed."""
        return self._spelled[self._n_hidden :]

    @property
    def text(self) -> str:
        """What is shown."""
        return self.uncut[: self._cut]

    @property
    def n_tokens(self) -> int:
        return max(0, len(self.tokens) - self._n_covered)

    def add(self, token: int, logprob: float) -> bool:
        """Take the next token; whether the completion goes on."""
        self.said.append((token, logprob))
        if token in self._limits.end_tokens:
            self.finish = FinishReason.END
            return False
        self.tokens.append(token)
        self.owed = self.owed[len(self._pieces[token]) :]
        self._spell(token)
        self.finish = self._reason_to_end()
        return self.finish is None

    def text_with(self, token: int) -> str:
        """What `uncut` would be after this token."""
        return (self._spelled + self._detokenizer.peek(token))[self._n_hidden :]

    def completion(self, otherwise: FinishReason) -> Completion:
        """The value for the caller; `otherwise` says why, when no rule ended it."""
        text = self.text
        mean, least = _mean_and_least([logprob for _, logprob in self.said[self._n_covered :]])
        return Completion(
            text=text,
            finish=self.finish or otherwise,
            n_tokens=self.n_tokens,
            mean_logprob=mean,
            min_logprob=least,
            line_ends=tuple(self._sure_of_line(*each) for each in self._line_ends if 0 < each[0] < len(text)),
        )

    def _spell(self, token: int) -> None:
        added = self._detokenizer.add(token)
        if "\n" in added:
            end = len(self._spelled) + added.index("\n") - self._n_hidden
            self._line_ends.append((end, len(self.said)))
        self._spelled += added

    def _sure_of_line(self, end: int, n_said: int) -> LineEnd:
        mean, least = _mean_and_least([logprob for _, logprob in self.said[self._n_covered : n_said]])
        return LineEnd(end, mean, least)

    def _reason_to_end(self) -> FinishReason | None:
        if self._limits.stop is not None:
            self._cut = self._limits.stop(self.uncut)
            if self._cut is not None:
                return FinishReason.STOPPED
        if self._limits.max_tokens <= self.n_tokens:
            return FinishReason.LENGTH
        if len(self.tokens) % REPETITION_CHECK_TOKENS == 0 and is_repeating(self.tokens):
            return FinishReason.REPEATED
        return None


def _mean_and_least(logprobs: list[float]) -> tuple[float, float]:
    return sum(logprobs) / max(1, len(logprobs)), min(logprobs, default=0.0)
