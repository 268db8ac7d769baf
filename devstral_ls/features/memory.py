"""What the model has said already: typing what the ghost text says, or hovering again, must not ask it again."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from devstral_ls.config import Settings
from devstral_ls.engine.request import Priority
from devstral_ls.features.outcome import Outcome, Suggestion
from devstral_ls.features.shape import opens_block
from devstral_ls.text import Document, Edit, Place, Span, apply_edits

MAX_REMEMBERED = 64  # outcomes
MAX_SENTENCES = 512
MAX_REMEMBERED_CHARACTERS = 1_000_000  # of a document
MAX_TYPED_CHARACTERS = 500  # of a suggestion, before it counts as another place

_CLOSERS = ")]}\"'`"


@dataclass(frozen=True, slots=True)
class _Remembered:
    place: Place
    outcome: Outcome
    settings: Settings
    is_explicit: bool


class SuggestionMemory:
    """The last outcomes with suggestions, by place. The session owns one; undoing finds older ones again."""

    __slots__ = ("_outcomes",)

    def __init__(self) -> None:
        self._outcomes: OrderedDict[tuple[str, str, int], _Remembered] = OrderedDict()

    def remember(self, place: Place, outcome: Outcome, settings: Settings, priority: Priority) -> None:
        """Keep what was found at `place`; silence is not kept, for it may have been haste."""
        if not outcome.suggestions or MAX_REMEMBERED_CHARACTERS < len(place.document.text):
            return
        key = (place.document.uri, place.document.text, place.offset)
        self._outcomes[key] = _Remembered(place, outcome, settings, priority is Priority.EXPLICIT)
        self._outcomes.move_to_end(key)
        if MAX_REMEMBERED < len(self._outcomes):
            self._outcomes.popitem(last=False)

    def recall(self, place: Place, settings: Settings, priority: Priority) -> Outcome | None:
        """What is left of remembered suggestions once the text before the cursor is typed, newest first."""
        for known in reversed(self._outcomes.values()):
            if known.settings != settings or (priority is Priority.EXPLICIT and not known.is_explicit):
                continue
            since = _since(known.place, place)
            left = () if since is None else tuple(_rests(known.outcome, *since, place))
            if left:
                return Outcome(left)
        return None


def place_after(place: Place, edit: Edit) -> Place:
    """Where the next suggestion is wanted once `edit` is accepted: behind it, or on a new line if it ends its own."""
    text = apply_edits(place.document.text, [edit])
    accepted = Place(_with_text(place.document, text), edit.span.start + len(edit.new_text))
    if accepted.line_after.strip():
        return accepted
    started = _new_line(accepted)
    text = accepted.before + started + accepted.after
    return Place(_with_text(place.document, text), accepted.offset + len(started))


def _since(old: Place, new: Place) -> tuple[str, str] | None:
    """What was typed at `old` to come to `new`, and the brackets that the editor closed; None where more differs."""
    n_typed = new.offset - old.offset
    n_closed = len(new.document.text) - len(old.document.text) - n_typed
    if not (0 <= n_typed <= MAX_TYPED_CHARACTERS and 0 <= n_closed <= n_typed):
        return None
    if old.document.uri != new.document.uri or new.before[: old.offset] != old.before:
        return None
    closed, after = new.after[:n_closed], new.after[n_closed:]
    return (new.before[old.offset :], closed) if after == old.after and not closed.strip(_CLOSERS) else None


def _rests(outcome: Outcome, typed: str, closed: str, place: Place) -> Iterator[Suggestion]:
    """The suggestions that begin with what was typed, without it, in the place of what the editor closed."""
    for suggestion in outcome.suggestions:
        rest = suggestion.text.removeprefix(typed)
        if suggestion.text.startswith(typed) and rest and closed in rest:
            n_replaced = len(closed) + len(suggestion.edit.span)
            yield replace(suggestion, edit=Edit(Span(place.offset, place.offset + n_replaced), rest))


def _new_line(place: Place) -> str:
    """What the Enter key writes at the end of a line, as editors do it."""
    line = place.line_before
    indent = line[: len(line) - len(line.lstrip())]
    line_break = "\r\n" if "\r\n" in place.document.text else "\n"
    if not opens_block(line):
        return line_break + indent
    return line_break + indent + ("\t" if indent.startswith("\t") else "    ")


def _with_text(document: Document, text: str) -> Document:
    return Document(document.uri, text, language_id=document.language_id, path=document.path)


class SentenceMemory:
    """The sentence about each function by its text; an empty one says that there is none to be had."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def get(self, source: str) -> str | None:
        return self._known.get(_digest(source))

    def put(self, source: str, sentence: str) -> None:
        self._known[_digest(source)] = sentence
        if MAX_SENTENCES < len(self._known):
            self._known.popitem(last=False)


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
