"""A backend that says what it is told: for tests, demonstrations and races."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends import KVCache
from devstral_ls.engine.engine import Engine, ModelFacts
from devstral_ls.engine.speculation import Speculation
from devstral_ls.engine.tokenizer import byte_tokenizer
from devstral_ls.errors import OutOfMemory

GATE_TIMEOUT_S = 20.0
MARKERS = ("</s>", "<s>", "[PREFIX]", "[SUFFIX]", "[FILE]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]")
END_TOKEN, BOS_TOKEN = 0, 1

# Given all tokens so far: the next one.
Script = Callable[[NDArray[np.int64]], int]


class Gate:
    """Stops the backend in the middle of a call until the test lets it go on."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def wait_until_reached(self) -> None:
        """Block the test until the backend stands at the gate."""
        assert self._reached.wait(GATE_TIMEOUT_S), "the backend never came to the gate"

    def open(self) -> None:
        self._opened.set()

    def pass_through(self, cancel: CancelToken) -> None:
        """Block the backend until the gate is opened or the work cancelled."""
        self._reached.set()
        forget = cancel.on_cancel(self._opened.set)
        assert self._opened.wait(GATE_TIMEOUT_S), "nobody opened the gate"
        forget()


@dataclass(slots=True, eq=False)
class ScriptedCache:
    """The tokens themselves stand for their keys and values."""

    tokens: NDArray[np.int64]
    n_tokens: int = 0

    @property
    def capacity_tokens(self) -> int:
        return len(self.tokens)

    @property
    def size_bytes(self) -> int:
        return self.n_tokens * ScriptedBackend.BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Call:
    """One call to `logits`, for tests that count work."""

    n_tokens: int
    n_past: int
    n_logits: int


@dataclass(slots=True, eq=False)
class ScriptedBackend:
    """Logits that make the scripted token the most probable one."""

    BYTES_PER_TOKEN: ClassVar[int] = 1024

    script: Script
    vocab_size: int
    window_tokens: int = 4096
    calls: list[Call] = field(default_factory=list)
    gates: list[tuple[int, Gate]] = field(default_factory=list)
    n_shortages: int = 0  # so many calls still to come find no memory
    is_closed: bool = False

    def gate(self, *, after_calls: int = 0) -> Gate:
        """A gate in the way of a call still to come: the next one, or so many later."""
        gate = Gate()
        self.gates.append((len(self.calls) + after_calls, gate))
        return gate

    def new_cache(self, capacity_tokens: int) -> ScriptedCache:
        return ScriptedCache(np.zeros(capacity_tokens, np.int64))

    def logits(
        self, cache: KVCache, tokens: NDArray[np.int64], *, n_past: int, n_logits: int, cancel: CancelToken
    ) -> NDArray[np.float32]:
        """See `Backend.logits`."""
        assert isinstance(cache, ScriptedCache)
        assert n_past <= cache.n_tokens, "nothing was computed there"
        number = len(self.calls)
        self.calls.append(Call(len(tokens), n_past, n_logits))
        for at, gate in self.gates:
            if at == number:
                gate.pass_through(cancel)
        cancel.raise_if_cancelled()
        if self.n_shortages:
            self.n_shortages -= 1
            raise OutOfMemory("no memory in the script")
        end = n_past + len(tokens)
        cache.tokens[n_past:end] = tokens
        cache.n_tokens = end
        return np.stack([self._row(cache.tokens[:n]) for n in range(end - n_logits + 1, end + 1)])

    def copy(self, source: KVCache, target: KVCache, n_tokens: int) -> None:
        """See `Backend.copy`."""
        assert isinstance(source, ScriptedCache)
        assert isinstance(target, ScriptedCache)
        target.tokens[:n_tokens] = source.tokens[:n_tokens]
        target.n_tokens = n_tokens

    def close(self) -> None:
        """There is nothing to free, but tests want to know."""
        self.is_closed = True

    def _row(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Noise that depends on every token, so that a wrong cache shows, and the scripted token on top."""
        seed = hashlib.blake2b(tokens.tobytes(), digest_size=8).digest()
        row = np.random.default_rng(int.from_bytes(seed)).standard_normal(self.vocab_size, np.float32)
        row[self.script(tokens)] += 12.0
        return row


def noise(vocab_size: int, *, n_ends: int = 0) -> Script:
    """A script without sense that depends on every token; about one token in `n_ends` is the end."""

    def script(tokens: NDArray[np.int64]) -> int:
        drawn = int.from_bytes(hashlib.blake2b(tokens.tobytes(), digest_size=8, salt=b"noise").digest())
        if n_ends and drawn % n_ends == 0:
            return END_TOKEN
        return len(MARKERS) + drawn % (vocab_size - len(MARKERS))

    return script


def answers(said: Mapping[str, str]) -> Script:
    """Behind the last place where a key of `said` stands, its value; then the end token. For `byte_tokenizer`."""
    spelled = byte_tokenizer(MARKERS).pieces
    token_of = {piece: token for token, piece in enumerate(spelled) if piece}
    pairs = [(key.encode(), value.encode()) for key, value in said.items()]

    def script(tokens: NDArray[np.int64]) -> int:
        text = b"".join(spelled[token] for token in tokens)
        found = [(text.rfind(key) + len(key), answer) for key, answer in pairs if key in text]
        at, answer = max(found, default=(len(text), b""))
        spoken = text[at:]
        goes_on = answer.startswith(spoken) and len(spoken) < len(answer)
        return token_of[answer[len(spoken) : len(spoken) + 1]] if goes_on else END_TOKEN

    return script


def open_engine(
    script: Script, *, window_tokens: int = 4096, cache_limit_mib: int | None = None, chat: str | None = None
) -> Engine:
    """An engine on a scripted backend, for callers that do not look at the backend."""
    backend = ScriptedBackend(script, len(MARKERS) + 256, window_tokens)
    return engine_on(backend, cache_limit_mib=cache_limit_mib, chat=chat)


def engine_on(
    backend: ScriptedBackend,
    *,
    fallback: ScriptedBackend | None = None,
    cache_limit_mib: int | None = None,
    speculation: Speculation | None = None,
    chat: str | None = None,
    infill_tokens: int | None = None,
) -> Engine:
    """An engine on this backend; each byte of a text is a token, and only with a `chat` format it answers questions."""
    facts = ModelFacts(
        name="scripted",
        window_tokens=backend.window_tokens,
        kv_bytes_per_token=backend.BYTES_PER_TOKEN,
        bos_token_id=BOS_TOKEN,
        end_tokens=frozenset({END_TOKEN}),
        infill_format="mistral",
        chat_format=chat,
        infill_tokens=infill_tokens,
    )
    return Engine(
        facts,
        lambda: byte_tokenizer(MARKERS),
        lambda: backend,
        open_fallback=None if fallback is None else lambda: fallback,
        cache_limit_mib=cache_limit_mib,
        speculation=speculation,
    )
