"""What a completion request ends in: suggestions, or one reason for silence."""

from dataclasses import dataclass
from enum import StrEnum

from devstral_ls.engine.request import Metrics
from devstral_ls.text import Edit


class Silence(StrEnum):
    """Why nothing is shown, in words for the person who asks."""

    MID_WORD = "the cursor stands inside a word"
    TEXT_TO_THE_RIGHT = "there is text to the right of the cursor"
    NOTHING_TO_GO_ON = "the file is empty"
    SECRETS = "the file may hold secrets"
    CANCELLED = "the request was cancelled"
    NOTHING_TO_ADD = "the model had nothing to add"
    UNFINISHED = "the model was cut off before its first line ended"
    INVISIBLE = "the completion holds invisible characters"
    REPEATS_ABOVE = "the completion repeats the line above"
    REPEATS_BELOW = "the completion repeats what follows"
    REPEATS_ITSELF = "the completion repeats itself"
    INDENTATION = "the completion is indented wrongly"
    BRACKETS = "the completion breaks the brackets"
    DOES_NOT_PARSE = "the completion does not parse in its place"
    UNKNOWN_NAME = "the completion uses a name that is not known here"
    UNKNOWN_MEMBER = "the completion uses a member that does not exist"
    UNKNOWN_KEYWORD = "the completion gives a call a keyword that it does not take"
    UNSURE = "the model was not sure enough"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One proposal: an edit on the cursor's line, and how sure the model was of it."""

    edit: Edit
    mean_logprob: float
    min_logprob: float

    @property
    def text(self) -> str:
        """What appears as ghost text."""
        return self.edit.new_text


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one request, best suggestion first; `silence` says why when there is none."""

    suggestions: tuple[Suggestion, ...]
    silence: Silence | None = None
    metrics: Metrics | None = None  # None when the model was not asked

    def __post_init__(self) -> None:
        assert bool(self.suggestions) == (self.silence is None)


def silent(reason: Silence, metrics: Metrics | None = None) -> Outcome:
    return Outcome((), reason, metrics)
