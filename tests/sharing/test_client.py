"""A client and a daemon in one process, with a scripted model that stops where the test wants it to."""

import json
import math
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from shared_fixtures import PATIENCE_S, Here, client, greeted, scripted, wanted_data

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import face
from devstral_ls.engine.backends.scripted import MARKERS, ScriptedBackend, engine_on, noise
from devstral_ls.engine.request import (
    Block,
    ChatPrompt,
    FinishReason,
    Generation,
    GenerationRequest,
    InfillPrompt,
    Priority,
    Sampling,
)
from devstral_ls.errors import BackendError, NotShared
from devstral_ls.features.endings import BlockEnd, LineEnd, NameEnd
from devstral_ls.features.name_costs import NameCosts
from devstral_ls.features.nesting import Nesting
from devstral_ls.features.shape import Extent, Shape
from devstral_ls.sharing.channel import Channel
from devstral_ls.sharing.limits import Limits
from devstral_ls.sharing.messages import request_data
from devstral_ls.sharing.rules import cost_data, known_to, naming_of
from devstral_ls.text import Document, Place

StartHere = Callable[..., tuple[Here, ScriptedBackend]]


def ask(prefix: str = "return", **wishes: Any) -> GenerationRequest:
    return GenerationRequest(prompt=InfillPrompt((), "m.py", "", "", prefix), key="m.py", **wishes)


def submitted(engine: face.Engine, request: GenerationRequest) -> "Future[Generation]":
    return engine.submit(request, CancelToken())


def texts(generation: Generation) -> list[str]:
    return [each.text for each in generation.completions]


# The same as in one process

RULES = st.sampled_from(
    [
        None,
        NameEnd(),
        LineEnd(),
        BlockEnd("  "),
        Shape(Extent.BLOCK, 4, Nesting("(", ""), Nesting(), "python", 3),
        lambda text: 5 if 5 < len(text) else None,
    ]
)
COSTS = st.sampled_from(
    [None, lambda text, _ends: 30.0 * text.endswith("e"), lambda text, _ends: math.inf if "a" in text else 0.0]
)
TEXTS = st.text(max_size=20)
PROMPTS = st.builds(
    InfillPrompt,
    stable=st.lists(st.builds(Block, TEXTS, TEXTS), max_size=2).map(tuple),
    title=TEXTS,
    suffix=TEXTS,
    volatile=TEXTS,
    prefix=TEXTS,
)
REQUESTS = st.builds(
    GenerationRequest,
    prompt=st.one_of(
        PROMPTS, st.builds(ChatPrompt, TEXTS, TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple))
    ),
    key=st.sampled_from(["a", "b"]),
    priority=st.sampled_from(Priority),
    max_tokens=st.integers(0, 12),
    stop=RULES,
    cost=COSTS,
    sampling=st.sampled_from([Sampling(), Sampling(temperature=0.8, seed=3)]),
    n_best=st.integers(1, 3),
    references=st.lists(TEXTS, max_size=2).map(tuple),
    project=st.sampled_from(["", "known", "unknown"]),
)


@settings(max_examples=30)
@given(st.lists(REQUESTS, min_size=1, max_size=5))
def test_through_the_wire_is_as_in_process(requests: list[GenerationRequest]) -> None:
    """The same requests in the same order get the same tokens, counts and reasons, adopted ones too."""
    said = [run_all(shared, requests) for shared in (False, True)]
    assert said[0] == said[1]


def run_all(is_shared: bool, requests: list[GenerationRequest]) -> list[object]:
    engine = engine_on(ScriptedBackend(noise(len(MARKERS) + 256, n_ends=9), len(MARKERS) + 256), chat="mistral")
    with tempfile.TemporaryDirectory(prefix="dls-") as folder:
        used: face.Engine = Here(Path(folder), engine).client() if is_shared else engine
        used.learn("known", ("a project that repeats itself",)).result(PATIENCE_S)
        answers = [used.generate_blocking(each, CancelToken()) for each in requests]
        used.close()
    engine.close()
    return [(each.completions, counts(each)) for each in answers]


def counts(generation: Generation) -> dict[str, object]:
    return {name: value for name, value in generation.metrics.record().items() if not name.endswith(("_ms", "_per_s"))}


class Shop:
    """Facts about one basket; what nobody knows is counted each time that it is asked."""

    n_asked = 0

    def members(self, _place: Place, expression: str) -> frozenset[str] | None:
        self.n_asked += 1
        return frozenset({"add_item", "total"}) if expression == "basket" else None

    def keywords(self, _place: Place, callee: str) -> frozenset[str] | None:
        self.n_asked += 1
        return frozenset({"price"}) if callee == "basket.add_item" else None


def names_at(typed: str, facts: Shop) -> NameCosts:
    text = f"def sell(basket, other):\n    {typed}"
    return NameCosts("shop.py", 0, facts, Place(Document("file:///shop.py", text, path="shop.py"), len(text)))


@given(
    st.sampled_from(["", "basket.", "basket.add_item(", "x = other.", "unknown"]),
    st.text("basketodiprc_.(=)\n ", max_size=12),
    st.booleans(),
)
def test_what_names_cost_is_the_same_on_both_sides(typed: str, text: str, ends: bool) -> None:
    """The engine weighs with what travelled, and with what it hears of single names."""
    rule, far = names_at(typed, Shop()), names_at(typed, Shop())

    class Heard:
        def members(self, receiver: str) -> frozenset[str] | None:
            return self._heard("members", receiver)

        def keywords(self, callee: str) -> frozenset[str] | None:
            return self._heard("keywords", callee)

        def names(self) -> frozenset[str] | None:
            return self._heard("names", "")

        def _heard(self, kind: str, name: str) -> frozenset[str] | None:
            heard = json.loads(json.dumps(known_to(far, kind, name)))
            return None if heard is None else frozenset(heard)

    assert rule(text, ends) == naming_of(json.loads(json.dumps(cost_data(far))), Heard())(text, ends)


def test_a_name_is_asked_about_once(here: StartHere) -> None:
    """The engine writes what it writes in one process, and asks what there is, not what each token costs."""
    said = {"basket.": "add_thing(2)", "basket.add_": "items(2)", "basket.add_item": "(price=2)"}
    text = "def sell(basket, other):\n    basket."
    shared, facts = here(said)[0].client(), Shop()
    with closing(shared):
        request = ask(text, cost=names_at("basket.", facts), max_tokens=30)
        shown = submitted(shared, request).result(PATIENCE_S)
    own, _ = scripted(said)
    with closing(own):
        alone = own.generate_blocking(replace(request, cost=names_at("basket.", Shop())), CancelToken())
    assert ["add_item(price=2)"] == texts(alone) == texts(shown)
    assert 2 == facts.n_asked  # the basket's members, and the keywords of what it is asked to do


def test_everything_of_a_request_travels() -> None:
    """A field that somebody adds to requests has to be sent, too."""
    sent = request_data(ask(), None)
    assert {each.name for each in fields(GenerationRequest)} <= set(sent)
    assert {each.name for each in fields(InfillPrompt)} <= set(sent["prompt"])


def test_what_is_known_is_not_taught_again(here: StartHere) -> None:
    """The texts of a project are sent once, whoever learned them first."""
    daemon, _ = here()
    daemon.client().learn("project", ("x = 1",)).result(PATIENCE_S)
    other = daemon.meet()
    other.send({"say": "learn", "key": "project"})
    assert {"say": "learned", "key": "project"} == other.receive()


# Who goes first


def test_typing_goes_before_the_fix_of_another(here: StartHere) -> None:
    """A fix of one editor is under way; a suggestion of another is answered before it goes on."""
    daemon, backend = here({"return": " a + b", "fix": " me, please, and take your time"})
    fixing, typing = daemon.client(), daemon.client()
    gate = backend.gate(after_calls=2)
    fix = submitted(fixing, ask("fix", priority=Priority.FIX))
    gate.wait_until_reached()
    typed = submitted(typing, ask())
    wait_until(lambda: 2 <= len(daemon.engine._scheduler._jobs()))
    gate.open()
    fix.result(PATIENCE_S), typed.result(PATIENCE_S)
    assert [Priority.TYPING, Priority.FIX] == [each.priority for each in daemon.engine.answered.recent()]


def test_fixes_take_turns(here: StartHere) -> None:
    """One editor sends three fixes, then another sends one: it waits for one of them, not for all."""
    daemon, backend = here()
    many, modest = daemon.client(), daemon.client()
    gate = backend.gate(after_calls=1)

    def fix(engine: face.Engine, n_blanks: int) -> "Future[Generation]":
        return submitted(engine, ask(f"{' ' * n_blanks}return", priority=Priority.FIX))

    futures = [fix(many, n_blanks) for n_blanks in (0, 1, 2)]
    gate.wait_until_reached()
    futures.append(fix(modest, 9))
    wait_until(lambda: 2 <= len(daemon.engine._scheduler._jobs()))
    gate.open()
    for future in futures:
        future.result(PATIENCE_S)
    n_tokens = [each.n_prompt_tokens for each in daemon.engine.answered.recent()]
    assert [0, 9, 1, 2] == [n - n_tokens[0] for n in n_tokens]


def test_the_same_file_in_two_editors(here: StartHere) -> None:
    """Equal keys of two clients do not supersede each other."""
    daemon, backend = here()
    one, other = daemon.client(), daemon.client()
    gate = backend.gate(after_calls=1)
    first = submitted(one, ask())
    gate.wait_until_reached()
    second = submitted(other, ask())
    gate.open()
    assert [" a + b"] == texts(first.result(PATIENCE_S)) == texts(second.result(PATIENCE_S))


def test_an_editor_that_is_not_used_rests(here: StartHere) -> None:
    """The one that asks goes on; the other hears of it, once, and again only when it was used meanwhile."""
    daemon, _ = here(limits=Limits(rest_s=0.0))
    used, unused = daemon.client(), daemon.client()
    heard: list[str] = []
    used.on_rest(lambda: heard.append("used"))
    unused.on_rest(lambda: heard.append("unused"))
    for engine in (unused, used, used):
        submitted(engine, ask()).result(PATIENCE_S)
    wait_until(lambda: "unused" in heard)
    assert ["unused"] == [each for each in heard if each != "used"]


def test_a_client_that_does_not_answer_is_not_waited_for(here: StartHere) -> None:
    """Stopped while it is asked what a text costs, it holds up the others for a moment, once."""
    daemon, _ = here(limits=Limits(answer_s=0.05))
    frozen = daemon.meet()
    request = {**request_fields(), "cost": 1, "naming": None}
    frozen.send({"say": "generate", "id": 1, "request": request})
    assert "question" == (frozen.receive() or {})["say"]
    assert [" a + b"] == texts(submitted(daemon.client(), ask()).result(PATIENCE_S))


def test_too_many_requests_get_nothing(here: StartHere) -> None:
    """Above the limit a client's requests are answered at once, without text."""
    daemon, backend = here(limits=Limits(n_requests=2))
    engine = daemon.client()
    gate = backend.gate(after_calls=1)
    futures = [submitted(engine, ask(f"{n} return", priority=Priority.FIX)) for n in range(3)]
    assert FinishReason.SUPERSEDED is futures[2].result(PATIENCE_S).metrics.finish
    gate.open()
    assert [" a + b"] * 2 == [texts(future.result(PATIENCE_S))[0] for future in futures[:2]]


# Life and death


def test_cancelling_frees_the_engine(here: StartHere) -> None:
    """The caller has its empty answer at once, and the model stops where it is."""
    daemon, backend = here()
    engine = daemon.client()
    gate = backend.gate(after_calls=1)
    cancel = CancelToken()
    future = engine.submit(ask(priority=Priority.FIX), cancel)
    gate.wait_until_reached()
    cancel.cancel()
    assert [] == texts(future.result(0))
    assert [" a + b"] == texts(submitted(engine, ask()).result(PATIENCE_S))


def test_a_client_that_leaves_takes_its_caches_along(here: StartHere) -> None:
    """Its parked caches and what it might have gone on with are dropped."""
    daemon, _ = here()
    engine = daemon.client()
    submitted(engine, ask()).result(PATIENCE_S)
    model = daemon.engine._model
    assert model is not None
    assert 1 == model.caches.n_slots
    engine.close()
    wait_until(lambda: not model.caches.n_slots and not model.flights._by_key)


def test_errors_keep_their_kind(here: StartHere) -> None:
    """What the engine raises there is raised here; a rule that fails is one of them."""

    def fails(_text: str) -> int | None:
        raise ValueError

    daemon, _ = here()
    with pytest.raises(BackendError, match="rule"):
        submitted(daemon.client(), ask(stop=fails)).result(PATIENCE_S)


def test_no_engine_is_an_engine_of_our_own(here: StartHere) -> None:
    """Whatever keeps the two from meeting, the request is answered."""

    def meet() -> Channel:
        raise NotShared("there is no folder")

    own, _ = scripted({"return": " here"})
    engine = client(meet, lambda: own)
    assert [" here"] == texts(submitted(engine, ask()).result(PATIENCE_S))
    engine.close()


def test_an_engine_that_cannot_be_had_is_an_error(here: StartHere) -> None:
    """Neither shared nor our own: the request fails with the reason, and the next one too."""

    def meet() -> Channel:
        raise NotShared("there is no folder")

    def refuse() -> face.Engine:
        raise BackendError("no runtime")

    engine = client(meet, refuse)
    for _ in range(2):
        with pytest.raises(BackendError, match="no runtime"):
            submitted(engine, ask()).result(PATIENCE_S)


@pytest.mark.parametrize(
    "message",
    [b"", b"\0\0\0\2{}", b"\0\0\0\1{", b"\xff\xff\xff\xff", b'\0\0\0\x0e{"say":"what"}', b"GET / HTTP/1.1\r\n\r\n"],
)
def test_strangers_are_shown_out(here: StartHere, message: bytes) -> None:
    """What does not greet as a client does is closed, and others notice nothing."""
    daemon, _ = here()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(str(daemon.path))
        stranger.sendall(message)
        stranger.shutdown(socket.SHUT_WR)
        stranger.settimeout(PATIENCE_S)
        assert b"" == stranger.recv(100)
    assert [" a + b"] == texts(submitted(daemon.client(), ask()).result(PATIENCE_S))


@pytest.mark.parametrize("change", [{"protocol": 0}, {"version": "0"}, {"manifest_sha256": "f" * 64}])
def test_other_wishes_are_refused(here: StartHere, change: dict[str, object]) -> None:
    """Another protocol, version or model at the same socket: no welcome."""
    daemon, _ = here()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(daemon.path))
        with pytest.raises(AssertionError, match="refused"):
            greeted(connection, wanted=wanted_data(**change))


@pytest.mark.parametrize("message", [{"say": "generate", "id": 1, "request": {}}, {"say": "answer", "question": 7}])
def test_nonsense_hurts_only_its_sender(here: StartHere, message: dict[str, object]) -> None:
    """A broken message ends its connection at most."""
    daemon, _ = here()
    daemon.meet().send(message)
    assert [" a + b"] == texts(submitted(daemon.client(), ask()).result(PATIENCE_S))


def request_fields() -> dict[str, object]:
    return request_data(ask(), None)


def wait_until(claim: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < end_s, "it never came to that"
        time.sleep(0.005)
