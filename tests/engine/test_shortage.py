"""Where memory runs out the engine makes do with less, says so, and lives on."""

from collections.abc import Iterator

import pytest
from asking import VOCAB_SIZE, ask, say

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.scripted import BOS_TOKEN, END_TOKEN, MARKERS, ScriptedBackend, answers, engine_on
from devstral_ls.engine.engine import Engine, ModelFacts
from devstral_ls.engine.request import FinishReason, Priority
from devstral_ls.engine.tokenizer import byte_tokenizer
from devstral_ls.errors import OutOfMemory

SAID = {"#": "abc"}


def scripted(n_shortages: int = 0) -> ScriptedBackend:
    return ScriptedBackend(answers(SAID), VOCAB_SIZE, n_shortages=n_shortages)


@pytest.fixture
def device() -> ScriptedBackend:
    return scripted()


@pytest.fixture
def processor() -> ScriptedBackend:
    return scripted()


@pytest.fixture
def engine(device: ScriptedBackend, processor: ScriptedBackend) -> Iterator[Engine]:
    """On a device, with the processor to fall back to."""
    opened = engine_on(device, fallback=processor)
    yield opened
    opened.close()


def text_of(engine: Engine, prefix: str = "#") -> str:
    return say(engine, ask(prefix, key=prefix)).completions[0].text


def test_parked_caches_go_first(engine: Engine, device: ScriptedBackend, processor: ScriptedBackend) -> None:
    """One shortage costs the caches of other texts, not the answer."""
    for n in range(3):
        text_of(engine, f"{n}" * 200 + "#")
    device.n_shortages = 1
    assert "abc" == text_of(engine, "x#")
    assert 1 == engine.facts()["caches"]["parked"]
    assert ([], False) == (processor.calls, device.is_closed)


def test_processor_goes_on(engine: Engine, device: ScriptedBackend, processor: ScriptedBackend) -> None:
    """Where that is not enough, the request and all that follow are answered by what is slower; the facts say why."""
    text_of(engine)
    device.n_shortages = 2
    assert ["abc", "abc"] == [text_of(engine, "x#"), text_of(engine, "y#")]
    assert device.is_closed
    assert "to the CPU: no memory in the script" == engine.facts()["fell_back"]
    assert processor.calls


def test_others_under_way_begin_again(engine: Engine, device: ScriptedBackend) -> None:
    """A request that was interrupted on the device is finished on the processor."""
    gate = device.gate()
    fix = engine._scheduler.submit(ask("fix#", key="fix", priority=Priority.FIX), CancelToken())
    gate.wait_until_reached()
    typing = engine._scheduler.submit(ask("typed#"), CancelToken())
    device.n_shortages = 2
    gate.open()
    assert ["abc", "abc"] == [future.result().completions[0].text for future in (typing, fix)]


def test_nothing_left_fails_one_request() -> None:
    """Without anything to fall back to the request says so, and the next one is tried as usual."""
    device = scripted(n_shortages=2)
    engine = engine_on(device)
    with pytest.raises(OutOfMemory, match="no memory in the script"):
        text_of(engine)
    assert "abc" == text_of(engine)
    assert [FinishReason.FAILED, FinishReason.END] == [metrics.finish for metrics in engine.answered.recent()]
    engine.close()


def test_python_running_out_counts_too(engine: Engine, device: ScriptedBackend, processor: ScriptedBackend) -> None:
    """An array that cannot be made is a shortage as any other."""

    def refuse(tokens: object) -> int:
        raise MemoryError

    device.script = refuse
    assert "abc" == text_of(engine)
    assert processor.calls


def test_a_model_too_large_for_the_device_is_opened_elsewhere(processor: ScriptedBackend) -> None:
    """Memory may lack when the model is loaded."""

    def refuse() -> ScriptedBackend:
        raise OutOfMemory("model does not fit")

    facts = ModelFacts(
        name="large",
        window_tokens=processor.window_tokens,
        kv_bytes_per_token=1,
        bos_token_id=BOS_TOKEN,
        end_tokens=frozenset({END_TOKEN}),
        infill_format="mistral",
    )
    engine = Engine(facts, lambda: byte_tokenizer(MARKERS), refuse, open_fallback=lambda: processor)
    assert "abc" == text_of(engine)
    assert "to the CPU: model does not fit" == engine.facts()["fell_back"]
    engine.close()
