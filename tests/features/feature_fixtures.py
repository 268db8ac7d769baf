"""What the tests of the features share: a cursor in a text, a model that says what it is told, and what is shown."""

from devstral_ls.cancel import CancelToken
from devstral_ls.config import Settings
from devstral_ls.context import Sources
from devstral_ls.engine import scripted_engine
from devstral_ls.engine.request import Priority
from devstral_ls.features.inline_completion import suggest_blocking
from devstral_ls.features.outcome import Outcome
from devstral_ls.text import Document, Edit, Place, apply_edits


def place_at(marked: str, *, path: str = "main.py", language_id: str = "python") -> Place:
    """The cursor of a text in which `$0` marks it."""
    offset = marked.index("$0")
    text = marked[:offset] + marked[offset + len("$0") :]
    return Place(Document(f"file:///{path}", text, language_id=language_id, path=path), offset)


def outcome_at(
    place: Place, said: str, *, priority: Priority = Priority.TYPING, settings: Settings | None = None
) -> Outcome:
    """What comes of a request at `place` when the model says `said`."""
    engine = scripted_engine({place.before.replace("\r\n", "\n"): said})
    try:
        return suggest_blocking(
            place,
            engine=engine,
            sources=Sources(),
            settings=settings or Settings(),
            cancel=CancelToken(),
            priority=priority,
        )
    finally:
        engine.close()


def shown(place: Place, outcome: Outcome) -> str:
    """What the user sees: the text with the suggestion between marks, or why there is none."""
    if not outcome.suggestions:
        return f"nothing: {outcome.silence}\n"
    edit = outcome.suggestions[0].edit
    marked = apply_edits(place.document.text, [Edit(edit.span, f"«{edit.new_text}»")])
    return marked if marked.endswith("\n") else marked + "\n"
