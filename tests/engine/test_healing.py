"""Completions that begin inside a word, for models that know whole words only."""

from collections.abc import Iterator

import numpy as np
import pytest
from asking import ask, say
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer as Inner, decoders, models, pre_tokenizers

from devstral_ls.engine.backends.scripted import ScriptedBackend
from devstral_ls.engine.engine import Engine, ModelFacts
from devstral_ls.engine.healing import MAX_HEALED_TOKENS, heal
from devstral_ls.engine.tokenizer import Tokenizer

MARKERS = ("</s>", "[PREFIX]", "[SUFFIX]")
WORDS = ("self", "sel", "select", "return", "re")


def word_tokenizer() -> Tokenizer:
    """Bytes, and a few words that are one token when they stand whole."""
    names = [*MARKERS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        for end in range(2, len(word) + 1):
            if word[:end] not in names:
                names.append(word[:end])
                merges.append((word[: end - 1], word[end - 1]))
    inner = Inner(models.BPE({name: token for token, name in enumerate(names)}, merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(list(MARKERS))
    return Tokenizer(inner)


TOKENIZER = word_tokenizer()


def whole_words_only(tokens: NDArray[np.int64]) -> int:
    """Behind "return " comes "self", one token; behind anything else nothing does."""
    (self_token,) = TOKENIZER.encode("self")
    return int(self_token) if TOKENIZER.text(tokens).endswith("return ") else 0


@pytest.fixture
def engine() -> Iterator[Engine]:
    facts = ModelFacts(
        name="words",
        window_tokens=512,
        kv_bytes_per_token=1,
        bos_token_id=None,
        end_tokens=frozenset({0}),
        infill_format="codestral",
    )
    backend = ScriptedBackend(whole_words_only, TOKENIZER.vocab_size, 512)
    engine = Engine(facts, lambda: TOKENIZER, lambda: backend)
    yield engine
    engine.close()


@pytest.mark.parametrize(("typed", "rest"), [("", "self"), ("s", "elf"), ("sel", "f"), ("self", "")])
def test_word_is_finished_from_anywhere(engine: Engine, typed: str, rest: str) -> None:
    """Wherever the cursor stands in the word, the model says the word and the user gets what is missing."""
    (completion,) = say(engine, ask(f"return {typed}")).completions
    assert rest == completion.text


@given(st.text("selfrctun (\n", max_size=12))
def test_heals_only_what_a_token_continues(text: str) -> None:
    """A prompt whose ending no token continues is left as it is; else the ending is given back as text."""
    tokens = TOKENIZER.encode(f"({text}")
    healed = heal(tokens, TOKENIZER)
    pieces = [TOKENIZER.pieces[token] for token in tokens]
    endings = [b"".join(pieces[-n:]) for n in range(1, min(MAX_HEALED_TOKENS, len(pieces) - 1) + 1)]
    is_open = any(piece != ending and piece.startswith(ending) for ending in endings for piece in TOKENIZER.pieces)
    assert is_open == bool(healed.typed)
    assert f"({text}" == TOKENIZER.text(healed.tokens) + healed.typed.decode()
