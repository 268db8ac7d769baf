"""Values: what the model is shown besides the document, how much of it, and what a request gets back."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one other file, ready for the prompt. `why` is for people and never reaches the model."""

    path: str
    text: str
    why: str


class Purpose(StrEnum):
    """What a context is for: the names of what will be written next, or the sense of what stands there."""

    TYPING = "typing"
    READING = "reading"  # to repair or to explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many tokens each part of the prompt may take, who counts them, and what they are for."""

    prefix_tokens: int
    suffix_tokens: int
    stable_tokens: int
    volatile_tokens: int = 0
    count_tokens: CountTokens
    purpose: Purpose = Purpose.TYPING
    is_costly_to_change: bool = False  # the model takes longer to read it again than somebody pauses between keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The parts of a prompt in the order of DESIGN.md, from what changes least to what changes most."""

    stable: tuple[Piece, ...]
    suffix: str
    volatile: str
    prefix: str
