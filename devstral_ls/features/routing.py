"""Which work may go to a remote model: by its kind, its size and the consent of whoever owns the text."""

from enum import StrEnum, auto

from devstral_ls.remote.consent import Answer
from devstral_ls.remote.parcel import MAX_PARCEL_CHARACTERS


class Work(StrEnum):
    """Kinds of work, as a log names them."""

    TYPING = "typing"
    FIX = "fix"
    EXPLANATION = "explanation"
    SIMPLIFICATION = "simplification"
    TEST = "test"
    REFACTORING = "refactoring"


class Way(StrEnum):
    """Where a piece of work goes."""

    STAY = auto()
    ASK_FIRST = auto()
    OUT = auto()


# Not what is asked with every key: it is much, it is unfinished, and the answer would come too late.
_MAY_LEAVE = frozenset({Work.FIX, Work.EXPLANATION, Work.SIMPLIFICATION, Work.TEST, Work.REFACTORING})


def way_for(work: Work, n_characters: int, answer: Answer) -> Way:
    """The way of one piece of work; all but explanations come here only when nothing local could be proven."""
    if work not in _MAY_LEAVE or MAX_PARCEL_CHARACTERS < n_characters or answer is Answer.REFUSED:
        return Way.STAY
    return Way.OUT if answer is Answer.ALLOWED else Way.ASK_FIRST
