"""Type-through: what was computed is not computed again."""

import time

import pytest
from feature_fixtures import place_at
from hypothesis import given, strategies as st

from devstral_ls.config import Settings
from devstral_ls.engine.request import Priority
from devstral_ls.features.memory import SuggestionMemory, place_after
from devstral_ls.features.outcome import Outcome, Suggestion
from devstral_ls.text import Document, Edit, Place, Span, apply_edits

BODY = "def f(items):\n    return $0\n"
TYPE_THROUGH_MS = 5


def remembered(place: Place, *texts: str, n_replaced: int = 0) -> SuggestionMemory:
    """A memory in which `texts` were suggested at `place`."""
    memory = SuggestionMemory()
    span = Span(place.offset, place.offset + n_replaced)
    suggestions = tuple(Suggestion(Edit(span, text), -0.1, -0.2) for text in texts)
    memory.remember(place, Outcome(suggestions), Settings(), Priority.TYPING)
    return memory


def recalled(memory: SuggestionMemory, marked: str, settings: Settings | None = None) -> list[str]:
    outcome = memory.recall(place_at(marked), settings or Settings(), Priority.TYPING)
    return [suggestion.text for suggestion in outcome.suggestions] if outcome else []


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("def f(items):\n    return $0\n", ["len(items)"]),
        ("def f(items):\n    return le$0\n", ["n(items)"]),
        ("def f(items):\n    return len(items)$0\n", []),
        ("def f(items):\n    return li$0\n", []),
        ("def f(items):\n    retur$0\n", []),
        ("def g(items):\n    return le$0\n", []),
        ("def f(items):\n    return le$0\nx\n", []),
    ],
    ids=["again", "typed on", "typed whole", "typed otherwise", "deleted", "changed above", "changed below"],
)
def test_typing_what_the_ghost_says(now: str, left: list[str]) -> None:
    """The rest is left as long as only the suggestion is typed."""
    assert left == recalled(remembered(place_at(BODY), "len(items)"), now)


def test_candidates_that_no_longer_fit_fall_away() -> None:
    """Of several candidates those stay that begin with what is typed."""
    memory = remembered(place_at(BODY), "len(items)", "list(items)", "items[0]")
    assert ["en(items)", "ist(items)"] == recalled(memory, "def f(items):\n    return l$0\n")


def test_a_bracket_that_the_editor_closed_is_replaced() -> None:
    """Typing `(` gives `()` in most editors; accepting then must not leave a second `)`."""
    memory = remembered(place_at(BODY), "len(items)")
    place = place_at("def f(items):\n    return len($0)\n")
    outcome = memory.recall(place, Settings(), Priority.TYPING)
    assert outcome is not None
    assert "def f(items):\n    return len(items)\n" == apply_edits(place.document.text, [outcome.suggestions[0].edit])


def test_other_settings_ask_anew() -> None:
    """A user who changes the settings wants to see the difference."""
    assert [] == recalled(remembered(place_at(BODY), "len(items)"), BODY, Settings(max_lines=1))


def test_undo_finds_an_older_suggestion() -> None:
    """A newer suggestion elsewhere does not push the older one out."""
    memory = remembered(place_at(BODY), "len(items)")
    other = place_at("def f(items):\n    return sorted(items)\n    $0\n")
    memory.remember(other, Outcome((Suggestion(Edit(Span(0, 0), "x"), 0, 0),)), Settings(), Priority.TYPING)
    assert ["len(items)"] == recalled(memory, BODY)


@pytest.mark.parametrize(
    ("accepted", "after"),
    [
        ("len(items)", "def f(items):\n    return len(items)\n    $0\n"),
        ("[\n        x for x in items]", "def f(items):\n    return [\n        x for x in items]\n        $0\n"),
    ],
)
def test_the_next_place_is_a_new_line(accepted: str, after: str) -> None:
    """After a whole line comes the Enter key."""
    place = place_at(BODY)
    found = place_after(place, Edit(Span(place.offset, place.offset), accepted))
    assert after == found.before + "$0" + found.after


def test_a_header_is_followed_by_a_deeper_line() -> None:
    """Behind a colon editors indent."""
    place = place_at("for x in $0\n")
    found = place_after(place, Edit(Span(place.offset, place.offset), "items:"))
    assert "for x in items:\n    " == found.before


@given(before=st.text("ab\n", max_size=20), after=st.text("ab)\n", max_size=20), text=st.text("ab()\n", min_size=1))
def test_typing_through_gives_the_same_text_as_accepting(before: str, after: str, text: str) -> None:
    """Accepting the rest after typing a part is accepting all at once."""
    place = Place(Document("file:///m.py", before + after), len(before))
    accepted = before + text + after
    memory = remembered(place, text)
    for n_typed in range(len(text)):
        now = Place(Document("file:///m.py", before + text[:n_typed] + after), len(before) + n_typed)
        outcome = memory.recall(now, Settings(), Priority.TYPING)
        assert outcome is not None
        assert accepted == apply_edits(now.document.text, [outcome.suggestions[0].edit])


def test_it_is_quick_in_a_large_file() -> None:
    """A hit in a file of half a megabyte costs less than the 5 ms that type-through may take."""
    memory = SuggestionMemory()
    text = "x = 1\n" * 80_000
    for version in range(64):
        changed = text + "y = " + "1" * version
        place = Place(Document("file:///m.py", changed), len(changed))
        outcome = Outcome((Suggestion(Edit(Span(place.offset, place.offset), "a + b"), 0, 0),))
        memory.remember(place, outcome, Settings(), Priority.TYPING)
    typed = Place(Document("file:///m.py", text + "y = a +"), len(text) + 7)
    start_s = time.thread_time()
    found = memory.recall(typed, Settings(), Priority.TYPING)
    assert found is not None
    assert 1e3 * (time.thread_time() - start_s) < TYPE_THROUGH_MS
