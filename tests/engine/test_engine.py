"""The engine at its face: what is asked, what is said, what is reused."""

import asyncio
import json
from math import inf
from typing import NoReturn

import pytest
from asking import VOCAB_SIZE, OpenEngine, ask, question, say
from hypothesis import given, settings, strategies as st

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.answered import LIMIT
from devstral_ls.engine.backends.scripted import ScriptedBackend, answers, engine_on, noise
from devstral_ls.engine.engine import Engine, ModelFacts
from devstral_ls.engine.request import CostRule, FinishReason, Priority, Sampling
from devstral_ls.engine.tokenizer import byte_tokenizer
from devstral_ls.errors import BundleDamaged, EngineClosed, PromptError


def test_says_what_the_model_says(open_engine: OpenEngine) -> None:
    """The completion is the model's text up to its end token."""
    engine, _ = open_engine({"return": " a + b"})
    generation = say(engine, ask("def add(a, b):\n    return"))
    assert [(" a + b", FinishReason.END)] == [(c.text, c.finish) for c in generation.completions]


def test_answers_a_question() -> None:
    """With a chat format; the answer begins where the question ends."""
    engine = engine_on(ScriptedBackend(answers({"What is 2?": "A number."}), VOCAB_SIZE), chat="mistral")
    (completion,) = say(engine, question("What is 2?")).completions
    assert ("A number.", FinishReason.END) == (completion.text, completion.finish)
    assert "mistral" == engine.facts()["chat"]
    engine.close()


@pytest.mark.parametrize(
    ("chat", "user", "reason"),
    [(None, "?", "no chat format"), ("mistral", "x" * 5000, "has room for"), ("latin", "?", "no chat format")],
)
def test_a_question_that_cannot_be_asked(chat: str | None, user: str, reason: str) -> None:
    """One line says why; holes are filled all the same."""
    engine = engine_on(ScriptedBackend(answers({"return": " a"}), VOCAB_SIZE), chat=chat)
    with pytest.raises(PromptError, match=reason):
        say(engine, question(user))
    assert " a" == say(engine, ask("return")).completions[0].text
    engine.close()


def test_awaits(open_engine: OpenEngine) -> None:
    """The same answer for callers with an event loop."""
    engine, _ = open_engine({"return": " a"})
    generation = asyncio.run(engine.generate(ask("return"), CancelToken()))
    assert " a" == generation.completions[0].text


def test_limit_of_tokens(open_engine: OpenEngine) -> None:
    """A completion is at most as long as asked."""
    engine, _ = open_engine({"x": "12345"})
    (completion,) = say(engine, ask("x", max_tokens=3)).completions
    assert ("123", FinishReason.LENGTH, 3) == (completion.text, completion.finish, completion.n_tokens)


def test_stop_rule_cuts(open_engine: OpenEngine) -> None:
    """The caller's rule says where the text ends, also before its last token."""
    engine, _ = open_engine({"x": "ab\ncd"})
    stop = lambda text: text.index("\n") if "\n" in text else None  # noqa: E731
    (completion,) = say(engine, ask("x", stop=stop)).completions
    assert ("ab", FinishReason.STOPPED) == (completion.text, completion.finish)


def test_repetition_ends(open_engine: OpenEngine) -> None:
    """A phrase said over and over is cut short."""
    engine, _ = open_engine({"x": "ha, " * 200})
    (completion,) = say(engine, ask("x", max_tokens=500)).completions
    assert FinishReason.REPEATED == completion.finish
    assert completion.n_tokens < 60


def test_characters_stay_whole(open_engine: OpenEngine) -> None:
    """A limit inside a character leaves the whole character away."""
    engine, _ = open_engine({"x": "é☃"})
    assert ["", "é", "é", "é", "é☃"] == [
        say(engine, ask("x", max_tokens=n)).completions[0].text for n in (1, 2, 3, 4, 5)
    ]


def test_typing_prefills_what_was_typed(open_engine: OpenEngine) -> None:
    """Behind a cached prompt only the typed bytes run."""
    engine, _ = open_engine({"return": " 1"})
    say(engine, ask("def f():\n    retur", max_tokens=0))
    assert 1 == say(engine, ask("def f():\n    return")).metrics.n_prefilled_tokens


def test_two_documents_keep_their_caches(open_engine: OpenEngine) -> None:
    """Going back to another document reuses what it had."""
    engine, _ = open_engine(noise(VOCAB_SIZE))
    say(engine, ask("a" * 200, key="a"))
    say(engine, ask("b" * 200, key="b"))
    assert 1 == say(engine, ask("a" * 200 + "c", key="a")).metrics.n_prefilled_tokens


def test_small_limit_keeps_one_cache(open_engine: OpenEngine) -> None:
    """A memory limit of nothing still works, one text at a time."""
    engine, _ = open_engine(noise(VOCAB_SIZE), cache_limit_mib=0)
    say(engine, ask("a" * 200, key="a"))
    say(engine, ask("b" * 200, key="b"))
    assert 1 == engine.facts()["caches"]["parked"]


def test_seed_decides(open_engine: OpenEngine) -> None:
    """Drawing twice with one seed gives one text, with two seeds two."""
    engine, _ = open_engine(noise(VOCAB_SIZE))
    hot = [Sampling(temperature=9.0, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (say(engine, ask("x", sampling=s, max_tokens=8)).completions[0].text for s in hot)
    assert first == again != other


def test_best_of_several_is_greedy(open_engine: OpenEngine) -> None:
    """The first of several candidates is the one that a single request gets, and the others differ."""
    engine, _ = open_engine(noise(VOCAB_SIZE))
    (alone,) = say(engine, ask("def f", max_tokens=12)).completions
    several = say(engine, ask("def f", max_tokens=12, n_best=3)).completions
    assert alone.text == several[0].text
    assert 3 == len({c.text for c in several})


def only(*texts: str) -> CostRule:
    """The completion has to begin with one of these."""

    def cost(text: str, ends: bool) -> float:
        fits = [text[: len(each)] == each[: len(text)] and (not ends or len(each) <= len(text)) for each in texts]
        return 0.0 if any(fits) else inf

    return cost


def test_what_costs_too_much_is_not_said(open_engine: OpenEngine) -> None:
    """A caller that rules out all but one text gets that one, then what the model likes."""
    engine, _ = open_engine({"self.": "xyz", "self.name": " = 1"})
    (completion,) = say(engine, ask("self.", cost=only("name"))).completions
    assert "name = 1" == completion.text


def test_a_small_cost_decides_between_equals_only(open_engine: OpenEngine) -> None:
    """What the model wants much more is said all the same."""
    engine, _ = open_engine({"self.": "x"})
    cost = lambda text, ends: 0.5 if text == "x" else 0.0  # noqa: E731
    assert "x" == say(engine, ask("self.", cost=cost)).completions[0].text


def test_where_nothing_may_come_nothing_does(open_engine: OpenEngine) -> None:
    """A rule that allows no token ends the completion."""
    engine, _ = open_engine({"x": "yz"})
    assert () == say(engine, ask("x", cost=lambda text, ends: inf)).completions


def test_the_end_may_be_ruled_out(open_engine: OpenEngine) -> None:
    """A completion that is not to end goes on with what is most probable otherwise."""
    engine, _ = open_engine({"x": "y", "xy!": "z"})
    assert "y!z" == say(engine, ask("x", cost=only("y!"))).completions[0].text


def test_drawing_weighs_too(open_engine: OpenEngine) -> None:
    """At any temperature a ruled out text is never drawn."""
    engine, _ = open_engine({"x": "yz"})
    hot = Sampling(temperature=5.0, seed=3)
    assert say(engine, ask("x", cost=only("b"), sampling=hot, max_tokens=3)).completions[0].text.startswith("b")


def test_prefill_says_nothing(open_engine: OpenEngine) -> None:
    """Warming up has no completions and makes the request behind it cheap."""
    engine, _ = open_engine({"return": " 1"})
    assert () == engine.prefill(ask("return")).result().completions
    assert 1 == say(engine, ask("return")).metrics.n_prefilled_tokens


def test_prompt_over_the_window_is_cut(open_engine: OpenEngine) -> None:
    """A text longer than the window is answered from its end."""
    engine, _ = open_engine({"return": " 1"}, window_tokens=256)
    generation = say(engine, ask("x = 1\n" * 500 + "return", suffix="y\n" * 500))
    assert " 1" == generation.completions[0].text
    assert generation.metrics.n_prompt_tokens <= 256


def test_closed_engine_refuses(open_engine: OpenEngine) -> None:
    """Work for a closed engine is an error of the caller."""
    engine, _ = open_engine({"x": "y"})
    engine.close()
    with pytest.raises(EngineClosed):
        say(engine, ask("x"))


def test_refused_model_is_read_once() -> None:
    """Every request for a model that cannot be loaded gets the reason, and only the first one the wait."""
    attempts = []

    def refuse() -> NoReturn:
        attempts.append(1)
        raise BundleDamaged("model.onnx was changed")

    facts = ModelFacts(
        name="broken",
        window_tokens=9,
        kv_bytes_per_token=1,
        bos_token_id=None,
        end_tokens=frozenset(),
        infill_format=None,
    )
    engine = Engine(facts, lambda: byte_tokenizer(()), refuse)
    for _ in range(3):
        with pytest.raises(BundleDamaged, match="was changed"):
            say(engine, ask("x"))
    engine.close()
    assert [1] == attempts


def test_passed_deadline_says_so(open_engine: OpenEngine) -> None:
    """A request that is late before it begins gets nothing, and the reason."""
    engine, _ = open_engine({"x": "y"})
    generation = say(engine, ask("x" * 1000, deadline_ms=1e-6))
    assert ((), FinishReason.DEADLINE) == (generation.completions, generation.metrics.finish)


def test_recent_requests_are_remembered(open_engine: OpenEngine) -> None:
    """The last requests' metrics can be looked at."""
    engine, _ = open_engine({"x": "y"})
    say(engine, ask("x", priority=Priority.HOVER))
    assert [Priority.HOVER] == [metrics.priority for metrics in engine.answered.recent()]


def test_records_say_where_the_prompt_came_from(open_engine: OpenEngine) -> None:
    """Computed, kept, copied from another text, generated before: each request says which."""
    engine, _ = open_engine({"#": "abc"})
    head = "x = 1\n" * 40
    for typed, key in (("one #", "a"), ("one #a", "a"), ("one #z" * 100, "a"), ("two #", "b")):
        say(engine, ask(head + typed, key=key))
    assert ["cold", "adopted", "warm", "copied"] == [metrics.cache for metrics in engine.answered.recent()]


def test_records_are_plain_and_bounded(open_engine: OpenEngine) -> None:
    """The ring keeps the newest requests only, and each is ready for JSON with its number and its speed."""
    engine, _ = open_engine({"#": "abcdef"})
    for n in range(LIMIT + 3):
        say(engine, ask(f"{n}#", max_tokens=2))
    records = [json.loads(json.dumps(metrics.record())) for metrics in engine.answered.recent()]
    assert list(range(3, LIMIT + 3)) == [record["request_number"] for record in records]
    assert {("length", 2, True)} == {(r["finish"], r["n_generated_tokens"], 0 < r["tokens_per_s"]) for r in records}


edits = st.lists(
    st.tuples(st.sampled_from("ab"), st.text("xy\n", max_size=40), st.integers(0, 400)), min_size=1, max_size=12
)


@settings(max_examples=40)
@given(edits)
def test_cache_changes_nothing(edited: list[tuple[str, str, int]]) -> None:
    """Whatever was computed before, a request is answered as if it were the first."""
    warm = engine_on(ScriptedBackend(noise(VOCAB_SIZE, n_ends=20), VOCAB_SIZE, 512), cache_limit_mib=1)
    texts = {"a": "", "b": ""}
    for name, typed, kept in edited:
        texts[name] = texts[name][:kept] + typed
        request = ask(texts[name], key=name, max_tokens=6)
        cold = engine_on(ScriptedBackend(noise(VOCAB_SIZE, n_ends=20), VOCAB_SIZE, 512))
        assert say(cold, request).completions == say(warm, request).completions
        cold.close()
    warm.close()


def test_each_line_says_how_sure_the_model_was(open_engine: OpenEngine) -> None:
    """Up to its end; the last one is the whole completion."""
    engine, _ = open_engine({"def f():": "\n a\n b\n c"})
    completion = say(engine, ask("def f():")).completions[0]
    assert ["\n a", "\n a\n b"] == [completion.text[: each.end] for each in completion.line_ends]
    least = [each.min_logprob for each in (*completion.line_ends, completion)]
    assert sorted(least, reverse=True) == least
