"""Requests for the engine, in few words."""

from collections.abc import Callable

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.scripted import MARKERS, ScriptedBackend
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import Block, ChatPrompt, Generation, GenerationRequest, InfillPrompt

VOCAB_SIZE = len(MARKERS) + 256

OpenEngine = Callable[..., tuple[Engine, ScriptedBackend]]


def prompt(prefix: str, suffix: str = "", stable: tuple[Block, ...] = ()) -> InfillPrompt:
    return InfillPrompt(stable, "m.py", suffix, "", prefix)


def ask(prefix: str, *, suffix: str = "", key: str = "m.py", **wishes: object) -> GenerationRequest:
    """A request to go on from `prefix`."""
    return GenerationRequest(prompt=prompt(prefix, suffix), key=key, **wishes)  # type: ignore[arg-type]  # wishes are fields


def question(user: str, **wishes: object) -> GenerationRequest:
    """A request to answer."""
    return GenerationRequest(prompt=ChatPrompt("Be brief.", user), key="m.py", **wishes)  # type: ignore[arg-type]  # the same


def say(engine: Engine, request: GenerationRequest) -> Generation:
    return engine.generate_blocking(request, CancelToken())
