"""The embedded model's tokenizer: any text survives it, code becomes few and sensible pieces."""

import pytest
from hypothesis import given, strategies as st
from tokenizers import Tokenizer

from onnx_export.pretrain import tokenizer

SAMPLE = [
    "import os\n\n\ndef walk(top: str) -> list[str]:\n    for path in os.listdir(top):\n        yield path\n",
    (
        "class Reader:\n    def __init__(self, path):\n        self.path = path\n\n"
        "    def read(self):\n        return self.path\n"
    ),
] * 4


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    trained = tokenizer.train(SAMPLE, vocab_size=400)
    trained.encode_special_tokens = True
    return trained


@given(text=st.text())
def test_any_text_survives(small: Tokenizer, text: str) -> None:
    """Decoding what was encoded gives the very same text."""
    assert text == small.decode(small.encode(text).ids, skip_special_tokens=False)


def test_line_break_and_indentation_are_one_token(small: Tokenizer) -> None:
    """The depth of the next line costs one token."""
    assert ["ĊĠĠĠĠ"] == small.encode("\n    ").tokens


def test_name_after_a_dot_is_its_own_piece(small: Tokenizer) -> None:
    """A cursor after a dot never stands inside a token."""
    assert "." in small.encode("self.path").tokens


def test_markers_take_the_first_ids(small: Tokenizer) -> None:
    """The ids of the markers are the same for every vocabulary."""
    ids = [small.token_to_id(name) for name in tokenizer.SPECIAL_TOKENS]
    assert list(range(tokenizer.N_RESERVED)) == ids


def test_marker_in_source_text_is_text(small: Tokenizer) -> None:
    """A string literal cannot smuggle a marker in."""
    assert small.token_to_id(tokenizer.EOS) not in small.encode('end = "</s>"').ids
