"""Races, written with the scripted backend's gates."""

import threading
from concurrent.futures import Future

from asking import VOCAB_SIZE, OpenEngine, ask, say

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.scripted import noise
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import FinishReason, Generation, GenerationRequest, Priority


def submit(engine: Engine, request: GenerationRequest, cancel: CancelToken | None = None) -> "Future[Generation]":
    return engine._scheduler.submit(request, cancel or CancelToken())


def test_typing_on_supersedes(open_engine: OpenEngine) -> None:
    """A newer request of the same document ends the older one, and both are answered."""
    engine, backend = open_engine({"retu": "rn", "return": " 1"})
    gate = backend.gate()
    old = submit(engine, ask("retu"))
    gate.wait_until_reached()
    new = submit(engine, ask("return"))
    gate.open()
    assert FinishReason.SUPERSEDED == old.result().metrics.finish
    assert " 1" == new.result().completions[0].text


def test_other_documents_are_not_superseded(open_engine: OpenEngine) -> None:
    """Typing in one document leaves a request of another alone."""
    engine, backend = open_engine({"a": "1", "b": "2"})
    gate = backend.gate()
    first = submit(engine, ask("a", key="a"))
    gate.wait_until_reached()
    second = submit(engine, ask("b", key="b"))
    gate.open()
    assert ["1", "2"] == [future.result().completions[0].text for future in (first, second)]


def test_cancel_in_the_middle(open_engine: OpenEngine) -> None:
    """Cancelling a request that is being computed answers it with what there is."""
    engine, backend = open_engine({"x": "12345"})
    gate = backend.gate(after_calls=3)
    cancel = CancelToken()
    future = submit(engine, ask("x", priority=Priority.FIX), cancel)
    gate.wait_until_reached()
    cancel.cancel()
    assert ("123", FinishReason.CANCELLED) == (future.result().completions[0].text, future.result().metrics.finish)


def test_fast_typing_reads_on(open_engine: OpenEngine) -> None:
    """A long prompt is read although every request for it is withdrawn before its first chunk is through."""
    engine, backend = open_engine({"x": "1"})
    text, finishes = "y" * 200, []
    for n_typed in range(4):
        gate, cancel = backend.gate(), CancelToken()
        future = submit(engine, ask(text + "x" * n_typed), cancel)
        gate.wait_until_reached()
        cancel.cancel()
        gate.open()
        finishes.append(future.result().metrics.finish)
    assert [FinishReason.CANCELLED] * 4 == finishes
    begun = [call.n_past for call in backend.calls]
    assert sorted(set(begun)) == begun, "nothing is read twice"


def test_cancel_while_waiting(open_engine: OpenEngine) -> None:
    """A request that has not begun is answered at once, while another one runs."""
    engine, backend = open_engine({"x": "1"})
    gate = backend.gate()
    running = submit(engine, ask("x", key="a"))
    gate.wait_until_reached()
    cancel = CancelToken()
    waiting = submit(engine, ask("x", key="b"), cancel)
    cancel.cancel()
    assert FinishReason.CANCELLED == waiting.result(timeout=5).metrics.finish
    gate.open()
    assert "1" == running.result().completions[0].text


def test_typing_goes_between_the_steps_of_a_fix(open_engine: OpenEngine) -> None:
    """A keystroke is answered while a long fix stands still, and the fix then says what it would have said."""
    alone, _ = open_engine(noise(VOCAB_SIZE))
    engine, backend = open_engine(noise(VOCAB_SIZE))
    gate = backend.gate(after_calls=5)
    order = []
    fix = submit(engine, ask("fix", key="f", priority=Priority.FIX))
    fix.add_done_callback(lambda _: order.append("fix"))
    gate.wait_until_reached()
    typing = submit(engine, ask("typed", max_tokens=20))
    typing.add_done_callback(lambda _: order.append("typing"))
    gate.open()
    assert say(alone, ask("fix", key="f")).completions == fix.result().completions
    assert ["typing", "fix"] == order


def test_more_urgent_goes_first(open_engine: OpenEngine) -> None:
    """Waiting requests are answered by priority, then in order."""
    engine, backend = open_engine({"x": "1"})
    gate = backend.gate()
    order = []
    futures = [submit(engine, ask("x", key="first"))]
    gate.wait_until_reached()
    for priority in (Priority.PREFILL, Priority.HOVER, Priority.FIX, Priority.EXPLICIT, Priority.TYPING):
        future = submit(engine, ask("x", key=priority.name, priority=priority))
        future.add_done_callback(lambda _, name=priority: order.append(name))
        futures.append(future)
    gate.open()
    for future in futures:
        future.result()
    assert sorted(order) == order


def test_full_queue_drops_the_least_urgent(open_engine: OpenEngine) -> None:
    """The queue is bounded: one too many costs the least urgent its turn, not its answer."""
    engine, backend = open_engine({"x": "1"})
    gate = backend.gate()
    running = submit(engine, ask("x", key="running"))
    gate.wait_until_reached()
    waiting = [submit(engine, ask("x", key=str(n), priority=Priority.HOVER)) for n in range(65)]
    assert FinishReason.SUPERSEDED == waiting[-1].result(timeout=5).metrics.finish
    gate.open()
    assert 64 == sum(len(future.result().completions) for future in waiting)
    assert "1" == running.result().completions[0].text


def test_warming_up_makes_way(open_engine: OpenEngine) -> None:
    """A prefill of a document ends when the document itself asks; what it read is kept."""
    engine, backend = open_engine({"x": "1"})
    gate = backend.gate()
    warming = engine.prefill(ask("x" * 1000))
    gate.wait_until_reached()
    typing = submit(engine, ask("x" * 1000))
    gate.open()
    assert FinishReason.SUPERSEDED == warming.result().metrics.finish
    assert 0 < typing.result().metrics.n_reused_tokens


def test_close_answers_everything(open_engine: OpenEngine) -> None:
    """Closing leaves no request without an answer."""
    engine, backend = open_engine({"x": "1"})
    gate = backend.gate()
    futures = [submit(engine, ask("x", key=str(n))) for n in range(5)]
    gate.wait_until_reached()
    threading.Thread(target=engine.close).start()
    assert [FinishReason.CANCELLED] * 5 == [future.result(timeout=5).metrics.finish for future in futures]


def test_failing_backend_fails_one_request(open_engine: OpenEngine) -> None:
    """An error of the backend is raised to the caller, and the engine lives on."""
    engine, backend = open_engine({"x": "1"})
    script, backend.script = backend.script, lambda tokens: 10**9
    failed = submit(engine, ask("x"))
    assert "BackendError" == type(failed.exception()).__name__
    backend.script = script
    assert ["failed"] == [metrics.finish for metrics in engine.answered.recent()]
    assert "1" == say(engine, ask("x")).completions[0].text
