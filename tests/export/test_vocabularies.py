"""Converted tokenizers give the tokens of the libraries that they come from.

The files in vocabularies/ were made with sentencepiece 0.2 and mistral-common 1.13; so were the tokens beside them.
"""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from onnx_export.errors import TokenizerError
from onnx_export.vocabularies.sentencepiece import SPACE, read_sentencepiece
from onnx_export.vocabularies.tekken import byte_letters, read_tekken

HERE = Path(__file__).parent / "vocabularies"


def check_tokens(tokenizer: Tokenizer, name: str) -> None:
    """Every text gives the library's tokens, and the tokens give the text back."""
    tokenizer.encode_special_tokens = True
    for case in json.loads((HERE / name).read_text()):
        tokens = tokenizer.encode(case["text"], add_special_tokens=False).ids
        assert case["tokens"] == tokens, case["text"]
        decoded = tokenizer.decode(tokens, skip_special_tokens=False)
        assert decoded in (case["text"], case["text"].replace(SPACE, " "))  # SentencePiece takes both for one


def test_tekken() -> None:
    """Mistral's byte tokens, with merges implied by their ranks."""
    check_tokens(read_tekken(HERE / "tekken.json"), "tekken.tokens.json")


def test_tekken_markers_are_single_special_tokens() -> None:
    """The infill markers of old files, which do not list them, are where Mistral's library puts them."""
    tokenizer = read_tekken(HERE / "tekken.json")
    assert [14, 15, 16] == [tokenizer.token_to_id(name) for name in ("[PREFIX]", "[MIDDLE]", "[SUFFIX]")]


def test_tekken_without_enough_tokens(tmp_path: Path) -> None:
    """A vocabulary that is cut short is named."""
    raw = json.loads((HERE / "tekken.json").read_text())
    raw["vocab"] = raw["vocab"][:300]
    (tmp_path / "tekken.json").write_text(json.dumps(raw))
    with pytest.raises(TokenizerError, match=r"fewer than 1200 tokens"):
        read_tekken(tmp_path / "tekken.json")


def test_sentencepiece() -> None:
    """Llama's kind: a space before the text, bytes for what no piece spells."""
    check_tokens(read_sentencepiece(HERE / "sentencepiece.model"), "sentencepiece.tokens.json")


def test_sentencepiece_control_pieces_are_special() -> None:
    """Markers that were control pieces can be prompted with, and never come out of a user's text."""
    tokenizer = read_sentencepiece(HERE / "sentencepiece.model")
    added = tokenizer.get_added_tokens_decoder()
    assert {"[PREFIX]", "[MIDDLE]", "[SUFFIX]"} <= {token.content for token in added.values() if token.special}


@pytest.mark.parametrize("n_bytes", [0, 1, 100, 5000])
def test_truncated_sentencepiece(tmp_path: Path, n_bytes: int) -> None:
    """A model that is cut short is refused in one line, wherever it is cut."""
    path = tmp_path / "tokenizer.model"
    path.write_bytes((HERE / "sentencepiece.model").read_bytes()[:n_bytes])
    with pytest.raises(TokenizerError, match=r"no byte-pair SentencePiece model"):
        read_sentencepiece(path)


def test_byte_letters_are_those_of_the_library() -> None:
    """All 256 bytes have a letter of their own, and printable ones stand for themselves."""
    letters = byte_letters()
    assert 256 == len(set(letters))
    assert "\u0120" == letters[ord(" ")]
    assert "a" == letters[ord("a")]
