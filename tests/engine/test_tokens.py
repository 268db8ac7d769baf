"""Tokens and what they spell."""

import pytest
from hypothesis import given, strategies as st
from tokenizers import AddedToken, Regex, Tokenizer as Inner, decoders, models, pre_tokenizers, trainers

from devstral_ls.engine.healing import heal
from devstral_ls.engine.pieces import PieceTable
from devstral_ls.engine.tokenizer import RUN_CHARS, Detokenizer, Tokenizer, byte_tokenizer

BYTES = byte_tokenizer(("</s>",))
SAMPLE = "def name(self):\n    return self.name\n\n\nclass Other:\n    value = 'é ☃'\n" * 20


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    """A small byte-level BPE whose line breaks take the indentation behind them."""
    inner = Inner(models.BPE())
    pieces = Regex(r"(?:\r?\n)+[ \t]*| ?[^\W\d]\w*| ?\d| ?[^\s\w]+|[ \t]+(?!\S)|\s+")
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pieces, behavior="isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [AddedToken("</s>", special=True)]
    inner.train_from_iterator(
        [SAMPLE], trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    )
    return Tokenizer(inner)


@given(st.text())
def test_bytes_come_back(text: str) -> None:
    """Any text is its tokens' bytes."""
    assert text == BYTES.text(BYTES.encode(text))


def test_half_a_character_is_read_as_a_question_mark() -> None:
    """What an editor may send in JSON and no encoding can hold does not fail."""
    assert "a?b" == BYTES.text(BYTES.encode("a\ud800b"))


def test_source_that_spells_a_marker_is_text(trained: Tokenizer) -> None:
    """No source text can end a prompt or open a section of it."""
    assert trained.marker("</s>") not in trained.encode("x = '</s>'")


def test_long_texts_encode_as_short_ones(trained: Tokenizer) -> None:
    """Encoding in runs gives the tokens of the whole."""
    text = SAMPLE * 4
    assert RUN_CHARS < len(text)
    assert trained._encode_new(text).tolist() == trained.encode(text).tolist()


@given(st.lists(st.integers(0, 255), max_size=30))
def test_no_character_is_split(tokens: list[int]) -> None:
    """Whatever was held back, no shown text ends inside a character."""
    detokenizer = Detokenizer([bytes([byte]) for byte in range(256)])
    shown = "".join(detokenizer.add(token) for token in tokens)
    assert bytes(tokens).decode("utf-8", "replace").startswith(shown.rstrip("\ufffd"))


PIECES = [b"", b"s", b"se", b"self", b"sel", b"f", b"fs", b" ", b"\n", b"\n    "]


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"sel", [b"s", b"se", b"sel", b"self"]), (b"f", [b"f", b"fs"]), (b"\n  ", [b"\n", b"\n    "]), (b"x", [])],
)
def test_leading_to(text: bytes, expected: list[bytes]) -> None:
    """Tokens that begin a text, spell it, or spell it and more."""
    assert expected == sorted(PIECES[token] for token in PieceTable(PIECES).leading_to([text]))


@given(st.lists(st.binary(max_size=4), max_size=30), st.binary(min_size=1, max_size=4))
def test_leading_to_is_what_it_says(pieces: list[bytes], text: bytes) -> None:
    """The sorted search finds what a look at each token finds."""
    expected = [n for n, piece in enumerate(pieces) if piece and (piece.startswith(text) or text.startswith(piece))]
    assert expected == PieceTable(pieces).leading_to([text]).tolist()


def test_heals_a_torn_word(trained: Tokenizer) -> None:
    """A cursor inside a word takes the word's beginning back."""
    assert b" sel" == heal(trained.encode("return sel"), trained).typed


def test_does_not_heal_what_nothing_continues(trained: Tokenizer) -> None:
    """Where no token goes on, the prompt stays as it is."""
    tokens = trained.encode("x = (9")
    assert tokens.tolist() == heal(tokens, trained).tokens.tolist()
