"""What an editor asks for, what it is offered, and what an offer becomes when it is chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem
from devstral_ls.features.fixes import Tools
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Edit, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question for code actions: the selected span, the problems that the editor shows there, the kinds it wants."""

    document: Document
    span: Span
    problems: tuple[Problem, ...] = ()
    only: tuple[str, ...] = ()
    has_model: bool = False  # whether `resolve` will have a writer of holes; an offer itself never has one
    answers: str = ""  # the name of the model, where it follows instructions
    elsewhere: str = ""  # the name of a remote model that may be asked where this machine comes to nothing

    def wants(self, kind: str) -> bool:
        """Whether `kind` is asked for: kinds are dotted paths, and asking for one asks for all below it."""
        return not self.only or any(kind == each or kind.startswith(f"{each}.") for each in self.only)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Edits of another file than the one that the offer was made in."""

    document: Document  # before the edits; empty where the file is new
    edits: tuple[Edit, ...]
    version: int | None = None  # where it is open in the editor
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One line in an editor's menu. Without edits it has to be resolved first."""

    action: str  # the name of the module that made it and will resolve it
    kind: str
    title: str
    span: Span
    problem: Problem | None = None
    edits: tuple[Edit, ...] | None = None
    elsewhere: Elsewhere | None = None
    is_preferred: bool = False
    is_generated: bool = False


class Action(Protocol):
    """A module of this package."""

    KIND: str

    def offer(self, asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:
        """What can be offered, decided without a model."""
        ...

    def resolve(self, offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:
        """The offer with its edits; None when nothing can be proven."""
        ...
