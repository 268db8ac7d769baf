"""Values: what the model is shown besides the document, how much of it, and what a request gets back."""

from collections.abc import Callable
from dataclasses import dataclass

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one other file, ready for the prompt. `why` is for people and never reaches the model."""

    path: str
    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many tokens each part of the prompt may take, and who counts them."""

    prefix_tokens: int
    suffix_tokens: int
    stable_tokens: int
    volatile_tokens: int = 0
    count_tokens: CountTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The parts of a prompt in the order of DESIGN.md, from what changes least to what changes most."""

    stable: tuple[Piece, ...]
    suffix: str
    volatile: str
    prefix: str
