"""Texts that are taught once and then repeated."""

import threading

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine import scripted_engine
from devstral_ls.engine.learned import MAX_KEYS, LearnedTexts


def encode(text: str) -> NDArray[np.int64]:
    return np.array([ord(character) for character in text], np.int64)


def test_what_was_learned_is_found() -> None:
    """All texts of a key are searched, and nothing reaches from one into the next."""
    learned = LearnedTexts(encode)
    learned.learn("key", ("abc", "xbd")).result()
    index = learned.index("key")
    assert index is not None
    after_b = index.longest(encode("b"))
    assert after_b is not None
    assert {ord("c"), ord("d")} == {int(index.tokens[place]) for place in after_b.places}
    after_c = index.longest(encode("c"))
    assert after_c is None or index.tokens[after_c.places[0]] < 0


def test_what_is_being_learned_is_not_waited_for() -> None:
    """A request that comes too early goes without."""
    may_go_on = threading.Event()

    def encode_later(text: str) -> NDArray[np.int64]:
        may_go_on.wait()
        return encode(text)

    learned = LearnedTexts(encode_later)
    coming = learned.learn("key", ("abc",))
    assert learned.index("key") is None
    may_go_on.set()
    coming.result()
    assert learned.index("key") is not None


def test_the_oldest_is_forgotten() -> None:
    """Memory has a limit; what is asked for again stays."""
    learned = LearnedTexts(encode)
    for key in map(str, range(MAX_KEYS + 1)):
        learned.learn(key, (f"text of {key}",)).result()
        learned.learn("0", ("text of 0",)).result()
    assert learned.index("0") is not None
    assert learned.index("1") is None
    assert learned.index(str(MAX_KEYS)) is not None


def test_no_text_is_no_harm() -> None:
    """A project of one file has nothing to teach."""
    learned = LearnedTexts(encode)
    learned.learn("key", ()).result()
    index = learned.index("key")
    assert index is not None
    assert index.longest(encode("a")) is None


def test_what_cannot_be_learned_is_not_there() -> None:
    """A failure in the background is no failure of the requests that would have used it."""

    def fail(text: str) -> NDArray[np.int64]:
        raise MemoryError(text)

    learned = LearnedTexts(fail)
    assert isinstance(learned.learn("key", ("abc",)).exception(), MemoryError)
    assert learned.index("key") is None


def test_a_model_that_repeats_no_project_is_taught_nothing() -> None:
    """Its bundle says nothing of how much a project's words weigh, so nothing is indexed for it."""
    engine = scripted_engine({})
    try:
        assert engine.knows("key")
        assert engine.learn("key", ("abc",)).done()
    finally:
        engine.close()
