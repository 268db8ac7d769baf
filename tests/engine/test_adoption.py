"""What was being generated is kept when the user types just that."""

from asking import VOCAB_SIZE, OpenEngine, ask, say
from hypothesis import given, settings, strategies as st

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.scripted import ScriptedBackend, answers, engine_on
from devstral_ls.engine.request import FinishReason


def test_typing_what_was_suggested_costs_nothing(open_engine: OpenEngine) -> None:
    """A finished completion serves the keystrokes that repeat it without the model."""
    engine, backend = open_engine({"return": " value"})
    say(engine, ask("return"))
    n_calls = len(backend.calls)
    generation = say(engine, ask("return va"))
    assert ["lue"] == [completion.text for completion in generation.completions]
    assert (n_calls, True) == (len(backend.calls), generation.metrics.is_adopted)


def test_running_completion_goes_on(open_engine: OpenEngine) -> None:
    """A superseded request that was right is continued where it stood."""
    engine, backend = open_engine({"return": " value"})
    gate = backend.gate(after_calls=4)
    old = engine._scheduler.submit(ask("return"), CancelToken())
    gate.wait_until_reached()
    new = engine._scheduler.submit(ask("return va"), CancelToken())
    gate.open()
    assert FinishReason.SUPERSEDED == old.result().metrics.finish
    assert ["lue"] == [completion.text for completion in new.result().completions]
    assert [1] * 6 == [call.n_tokens for call in backend.calls[-6:]]


def test_other_typing_starts_anew(open_engine: OpenEngine) -> None:
    """What was typed otherwise is answered from what was typed."""
    engine, _ = open_engine({"return": " value", "return n": "ame"})
    say(engine, ask("return"))
    (completion,) = say(engine, ask("return n")).completions
    assert "ame" == completion.text


def test_stop_rule_of_the_new_request_counts(open_engine: OpenEngine) -> None:
    """An adopted text ends where the new request wants it to."""
    engine, _ = open_engine({"x": "one two three"})
    say(engine, ask("x"))
    (completion,) = say(engine, ask("xone ", stop=lambda text: 3 if 3 <= len(text) else None)).completions
    assert ("two", FinishReason.STOPPED) == (completion.text, completion.finish)


def test_limit_counts_what_is_left(open_engine: OpenEngine) -> None:
    """What was typed already takes nothing of the new request's tokens."""
    engine, _ = open_engine({"x": "abcdefgh"})
    say(engine, ask("x", max_tokens=4))
    (completion,) = say(engine, ask("xabc", max_tokens=4)).completions
    assert ("defg", 4) == (completion.text, completion.n_tokens)


def test_full_window_is_cut_anew(open_engine: OpenEngine) -> None:
    """Typing along a suggestion for ever never leaves a completion without room."""
    engine, _ = open_engine({"#": "0123456789" * 20}, window_tokens=128)
    typed = ""
    for _ in range(8):
        (completion,) = say(engine, ask("x" * 90 + "#" + typed, max_tokens=16)).completions
        assert 16 == completion.n_tokens
        typed += completion.text[:10]


words = st.text("ab ", min_size=1, max_size=12)


@settings(max_examples=60)
@given(words, st.lists(st.integers(0, 12), max_size=5), st.integers(1, 8))
def test_adoption_changes_nothing(said: str, cuts: list[int], max_tokens: int) -> None:
    """Whatever part of a completion is typed, the answer is the one of a fresh engine."""
    script = answers({"#": said})
    warm = engine_on(ScriptedBackend(script, VOCAB_SIZE))
    for cut in cuts:
        request = ask("x = 1 #" + said[:cut], max_tokens=max_tokens)
        fresh = engine_on(ScriptedBackend(script, VOCAB_SIZE))
        assert say(fresh, request).completions == say(warm, request).completions
        fresh.close()
    warm.close()
