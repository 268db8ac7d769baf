"""Whether the model was sure enough of a completion to interrupt somebody who types."""

from dataclasses import dataclass

from devstral_ls.engine.request import Completion


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least that a completion needs, in natural logarithms of probabilities."""

    mean_logprob: float
    min_logprob: float

    def is_met_by(self, completion: Completion) -> bool:
        return self.mean_logprob <= completion.mean_logprob and self.min_logprob <= completion.min_logprob


# By the setting `eagerness`. Measured on a package that the embedded model was not trained on:
# benchmarks/results/eagerness.json. "Eager" leaves out only what the model itself calls a wild guess.
THRESHOLDS = {
    "eager": Threshold(mean_logprob=-2.0, min_logprob=-8.0),
    "balanced": Threshold(mean_logprob=-0.8, min_logprob=-3.0),
    "quiet": Threshold(mean_logprob=-0.5, min_logprob=-2.0),
}
