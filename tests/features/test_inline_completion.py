"""What case files cannot show: line endings, several candidates, limits, and texts of any kind."""

import pytest
from feature_fixtures import outcome_at, place_at
from hypothesis import example, given, settings, strategies as st

from devstral_ls.cancel import CancelToken
from devstral_ls.config import Settings
from devstral_ls.context import Sources
from devstral_ls.engine import scripted_engine
from devstral_ls.engine.backends.scripted import MARKERS, ScriptedBackend, answers, engine_on
from devstral_ls.engine.request import Priority
from devstral_ls.features.inline_completion import Plan, budget_for, plan, suggest
from devstral_ls.features.outcome import Silence
from devstral_ls.text import Document, Place, Span, apply_edits

CODE = st.text(alphabet=st.sampled_from("ab.:,=()[]{}\"'#\\ \t\r\nédef if"), max_size=60)


def test_suggestions_end_lines_as_the_document_does() -> None:
    """A document with CRLF gets CRLF."""
    place = place_at("def f(x):\r\n    $0\r\n")
    outcome = outcome_at(place, "y = x\n    return y\n")
    assert ["y = x\r\n    return y"] == [suggestion.text for suggestion in outcome.suggestions]


def test_one_line_keeps_to_the_line() -> None:
    """With `max_lines` 1 even a body is one line."""
    outcome = outcome_at(place_at("def f(x):\n    $0\n"), "y = x\n    return y\n", settings=Settings(max_lines=1))
    assert ["y = x"] == [suggestion.text for suggestion in outcome.suggestions]


def test_a_file_with_secrets_is_not_completed() -> None:
    """What stands in `.env` is never shown to the model."""
    outcome = outcome_at(place_at("TOKEN=$0\n", path=".env", language_id="plaintext"), "abc")
    assert Silence.SECRETS is outcome.silence


def test_asking_costs_nothing_inside_a_word() -> None:
    """The model is not asked where nothing could be shown."""
    assert outcome_at(place_at("na$0me\n"), "x").metrics is None


def test_what_the_windows_leave_out_is_searched() -> None:
    """References, prefix and suffix together are the document."""
    lines = "".join(f"value_{n} = compute_{n}(value)\n" for n in range(1000))
    place = Place(Document("file:///m.py", f"{lines}\n{lines}", language_id="python", path="m.py"), len(lines))
    engine = scripted_engine({})
    planned = plan(place, engine=engine, sources=Sources(), settings=Settings(), key="", priority=Priority.EXPLICIT)
    engine.close()
    assert isinstance(planned, Plan)
    before, after = planned.request.references
    assert place.document.text == before + planned.request.prompt.prefix + planned.request.prompt.suffix + after


@pytest.mark.parametrize(("told", "n_shown"), [(None, 1024 + 256 + 1024), (1024, 1024), (300, 300), (120, 120)])
def test_a_model_is_shown_no_more_around_a_hole_than_it_fills_best_in(told: int | None, n_shown: int) -> None:
    """Completion included; a model that says nothing is shown what its window has room for."""
    engine = engine_on(ScriptedBackend(answers({}), len(MARKERS) + 256), infill_tokens=told)
    budget = budget_for(engine, Settings())
    engine.close()
    room = budget.prefix_tokens + budget.suffix_tokens + budget.stable_tokens
    assert n_shown - 256 < room <= n_shown
    assert budget.prefix_tokens


async def test_a_cancelled_request_is_silent() -> None:
    """A token that is set before the start ends in silence, not in an error."""
    place = place_at("x = $0\n")
    cancel = CancelToken()
    cancel.cancel()
    engine = scripted_engine({place.before: "1"})
    outcome = await suggest(
        place, engine=engine, sources=Sources(), settings=Settings(), cancel=cancel, key="file:///main.py"
    )
    engine.close()
    assert Silence.CANCELLED is outcome.silence


@settings(max_examples=60, deadline=None)
@given(before=CODE, after=CODE, said=CODE)
@example(before="a", after=":\r:", said=":")  # once replaced the colon by itself
@pytest.mark.parametrize("language_id", ["python", "plaintext"])
def test_any_text_ends_in_an_edit_of_the_cursors_line_or_a_reason(
    language_id: str, before: str, after: str, said: str
) -> None:
    """Whatever stands in the file and whatever the model says, nothing but the cursor's line is replaced."""
    place = Place(Document("file:///m", before + after, language_id=language_id, path="m"), len(before))
    outcome = outcome_at(place, said) if before else None
    for suggestion in outcome.suggestions if outcome else ():
        span = suggestion.edit.span
        line_end = place.document.line_span(place.line).end
        assert place.offset == span.start <= span.end <= line_end
        assert suggestion.text.strip()
        assert place.document.text != apply_edits(place.document.text, [suggestion.edit])
        assert Span(place.offset, line_end).contains(span.end)
