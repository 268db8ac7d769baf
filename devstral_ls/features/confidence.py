"""Whether the model was sure enough of a completion to interrupt somebody who types."""

from collections.abc import Iterable
from dataclasses import dataclass

from devstral_ls.engine.request import Completion, LineEnd


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least that a completion needs, in natural logarithms of probabilities."""

    mean_logprob: float
    min_logprob: float

    def is_met_by(self, said: Completion | LineEnd) -> bool:
        return self.mean_logprob <= said.mean_logprob and self.min_logprob <= said.min_logprob

    def sure_part(self, completion: Completion, ends: Iterable[int]) -> Completion | LineEnd | None:
        """What of it the model was sure enough of: all, or what ends at one of the lengths `ends`, or nothing.

        A block is a guess on a guess: its first line is often right where the rest is not.
        """
        if self.is_met_by(completion):
            return completion
        allowed = set(ends)
        sure = (each for each in completion.line_ends if each.end in allowed and self.is_met_by(each))
        return max(sure, key=lambda each: each.end, default=None)


# By the setting `eagerness`. Chosen on seven packages that the embedded model was not trained on
# (benchmarks/results/eagerness.json). "Eager" leaves out only what the model itself calls a wild guess; "balanced"
# loses an eighth of the characters worth keeping, and half of the wrong lines.
THRESHOLDS = {
    "eager": Threshold(mean_logprob=-2.0, min_logprob=-8.0),
    "balanced": Threshold(mean_logprob=-0.42, min_logprob=-1.7),
    "quiet": Threshold(mean_logprob=-0.3, min_logprob=-1.2),
}
