"""Speculation changes how fast, never what."""

import numpy as np
from asking import VOCAB_SIZE, OpenEngine, ask, say
from hypothesis import given, settings, strategies as st

from devstral_ls.engine.backends.scripted import ScriptedBackend, answers, engine_on
from devstral_ls.engine.match_model import MatchIndex
from devstral_ls.engine.request import Sampling
from devstral_ls.engine.speculation import Speculation, StepCosts


def speculation() -> Speculation:
    """One that keeps to the costs it knows: the scripted backend's are no machine's."""
    return Speculation(StepCosts(learning_rate=0.0))


COPIED = "def first(value):\n    return value.strip().lower()\n"


def test_copying_takes_fewer_steps(open_engine: OpenEngine) -> None:
    """Text that stands in the prompt already is verified, not written byte by byte."""
    engine, backend = open_engine({"# again\n": COPIED}, speculation=speculation())
    (completion,) = say(engine, ask(COPIED + "# again\n")).completions
    assert COPIED == completion.text
    assert len(backend.calls) < len(COPIED) / 2


def test_references_are_copied_from(open_engine: OpenEngine) -> None:
    """Texts outside the prompt draft as well."""
    engine, backend = open_engine({"# again\n": COPIED}, speculation=speculation())
    (completion,) = say(engine, ask("# again\n", references=("import os\n", COPIED))).completions
    assert COPIED == completion.text
    assert len(backend.calls) < len(COPIED) / 2


def test_drafts_are_counted(open_engine: OpenEngine) -> None:
    """Metrics say how much was drafted and how much of it came true."""
    engine, _ = open_engine({"# again\n": COPIED}, speculation=speculation())
    metrics = say(engine, ask(COPIED + "# again\n")).metrics
    assert len(COPIED) / 2 < metrics.n_accepted_tokens <= metrics.n_drafted_tokens


phrases = st.lists(st.sampled_from(["ab", "abc", "xyab", "\n", "q"]), min_size=1, max_size=30).map("".join)
samplings = st.sampled_from([Sampling(), Sampling(temperature=3.0, seed=5)])


@settings(max_examples=60)
@given(phrases, phrases, samplings, st.integers(1, 3))
def test_speculation_changes_nothing(prefix: str, said: str, sampling: Sampling, n_best: int) -> None:
    """With and without drafts every candidate is the same, to its log-probability."""
    request = ask(prefix + "#", sampling=sampling, n_best=n_best, max_tokens=40)
    plain, drafting = (
        engine_on(ScriptedBackend(answers({"#": said}), VOCAB_SIZE), speculation=drafts)
        for drafts in (None, speculation())
    )
    assert say(plain, request).completions == say(drafting, request).completions
    plain.close()
    drafting.close()


def test_window_end_is_not_overrun(open_engine: OpenEngine) -> None:
    """A draft never writes behind the end of the cache."""
    engine, _ = open_engine({"#": "abc" * 100}, window_tokens=128, speculation=speculation())
    (completion,) = say(engine, ask("abc" * 30 + "#", max_tokens=64)).completions
    assert completion.text.startswith("abcabc")


def test_fresh_text_is_searched_less_and_less() -> None:
    """Where nothing is found most steps are plain ones, until something is drafted again."""
    known, fresh = np.arange(20), np.arange(100, 180)
    drafter = speculation().drafter([MatchIndex(known)])
    searched = [n for n in range(1, len(fresh)) if not drafter.rests() and not len(drafter.draft(fresh[:n]))]
    assert len(fresh) / 8 <= len(searched) < len(fresh) / 2
    while drafter.rests():
        pass
    assert 0 < len(drafter.draft(known[:12]))
    assert not drafter.rests()


def test_untrusted_matches_draft_nothing() -> None:
    """Where matches were wrong, plain steps are taken."""
    speculation = Speculation()
    for _ in range(100):
        speculation.trust.learn(5, was_right=False)
    assert 0 == speculation.draft_length(5)


def test_dear_steps_draft_nothing() -> None:
    """Where long steps cost as much as short ones in a row, plain steps are taken."""
    speculation = Speculation()
    for _ in range(200):
        speculation.costs.learn(1, 1.0)
        for n_tokens in (3, 5, 8, 12, 16):
            speculation.costs.learn(n_tokens, float(n_tokens))
    assert 0 == speculation.draft_length(64)
