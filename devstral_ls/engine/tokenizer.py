"""Text to token ids and back, byte for byte; the only module that imports `tokenizers`."""

import codecs
import re
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from devstral_ls.engine.pieces import PieceTable

Tokens = NDArray[np.int64]

# Long texts are encoded in runs of whole lines, and runs seen before are remembered, so that a
# keystroke at the end of a file encodes the last run only.
RUN_CHARS = 512
RUNS_LIMIT = 4096

# Whole texts that come back unchanged, such as what stands behind the cursor.
TEXTS_LIMIT = 16

_PROBES = (
    "a\n    b\n  c",
    "f(x)\n\n\n\tg",
    "x = [\n    1,\n]\n",
    "a.\n//b\nc",
    "é = '…'\n    # ☃\n",
    "if a:\n\n    b()\r\nc",
)

# The next offset, at or behind the given one, where a text may be cut so that the tokens of its parts are the
# tokens of the whole; -1 when there is none.
Cut = Callable[[str, int], int]


class Tokenizer:
    """One model's vocabulary; safe to share between threads."""

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        inner.no_padding()
        inner.no_truncation()
        inner.encode_special_tokens = True  # a source text that spells a marker is only text
        self._inner = inner
        self._encode_run = lru_cache(RUNS_LIMIT)(self._encode_new)
        self._encode_long = lru_cache(TEXTS_LIMIT)(self._encode_in_runs)
        self._cut = next((cut for cut in _CUTS if self._is_exact(cut)), _nowhere)

    @classmethod
    def open(cls, path: Path) -> "Tokenizer":
        """Read a `tokenizer.json`."""
        return cls(tokenizers.Tokenizer.from_file(str(path)))

    def save(self, path: Path) -> None:
        """Write a `tokenizer.json`."""
        self._inner.save(str(path))

    @property
    def vocab_size(self) -> int:
        return self._inner.get_vocab_size()

    def encode(self, text: str) -> Tokens:
        """Token ids of a text, without any marker."""
        return self._encode_run(text) if len(text) <= RUN_CHARS else self._encode_long(text)

    def marker(self, name: str) -> int | None:
        """The id of a marker such as "[SUFFIX]", or None when it is not one special token here."""
        token = self._inner.token_to_id(name)
        return token if token is not None and token in self._special else None

    def text(self, tokens: Tokens) -> str:
        """What the tokens spell; markers spell nothing."""
        return b"".join(self.pieces[token] for token in tokens).decode("utf-8", "replace")

    def n_bytes(self, tokens: Tokens) -> int:
        """How long a text these tokens spell."""
        return int(self._lengths[tokens].sum())

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([len(piece) for piece in self.pieces], np.int64)

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes that each token spells; markers spell nothing."""
        spell = _speller(self._inner)
        names = (self._inner.id_to_token(token) for token in range(self.vocab_size))
        return [b"" if name is None or token in self._special else spell(name) for token, name in enumerate(names)]

    @cached_property
    def table(self) -> PieceTable:
        """The same pieces, ready to be searched by what they begin with."""
        return PieceTable(self.pieces)

    @cached_property
    def _special(self) -> frozenset[int]:
        added = self._inner.get_added_tokens_decoder()
        return frozenset(token for token, entry in added.items() if entry.special)

    def _encode_new(self, text: str) -> Tokens:
        # Half a surrogate pair, which JSON can bring, is no text.
        whole = text.encode(errors="replace").decode()
        tokens = np.array(self._inner.encode(whole, add_special_tokens=False).ids, np.int64)
        tokens.flags.writeable = False
        return tokens

    def _encode_in_runs(self, text: str) -> Tokens:
        tokens = np.concatenate([self._encode_run(run) for run in _split(text, self._cut)])
        tokens.flags.writeable = False
        return tokens

    def _is_exact(self, cut: Cut) -> bool:
        """Whether all probes, cut wherever this rule allows it, give the tokens of the whole."""
        encode = self._encode_new
        return all(
            np.array_equal(np.concatenate([encode(text[:at]), encode(text[at:])]), encode(text))
            for text in _PROBES
            for at in {cut(text, start) for start in range(1, len(text))} - {-1}
        )


class Detokenizer:
    """Turns tokens into text as they come; holds back a character until all its bytes are there."""

    __slots__ = ("_decoder", "_pieces")

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        """The characters that this token completes."""
        return self._decoder.decode(self._pieces[token])

    def peek(self, token: int) -> str:
        """The characters that this token would complete; one that stays torn is a replacement character."""
        state = self._decoder.getstate()
        text = self._decoder.decode(self._pieces[token], final=True)
        self._decoder.setstate(state)
        return text


def byte_tokenizer(markers: tuple[str, ...]) -> Tokenizer:
    """A tokenizer without merges: each byte is a token; for the scripted backend."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocab = {name: token for token, name in enumerate(alphabet, start=len(markers))}
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocab | {name: token for token, name in enumerate(markers)}, []))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    inner.add_special_tokens(list(markers))
    return Tokenizer(inner)


def _split(text: str, cut: Cut) -> Iterator[str]:
    """Runs of about RUN_CHARS that depend only on what stands before their end."""
    start = 0
    while 0 < (end := cut(text, start + RUN_CHARS)):
        yield text[start:end]
        start = end
    yield text[start:]


def _before_break(text: str, start: int) -> int:
    """For tokenizers whose line breaks take the indentation behind them: before one that ends a visible line."""
    at = text.find("\n", start + 1)
    while 0 < at:
        end = at - (text[at - 1] == "\r")
        if start <= end and not text[end - 1 : end].isspace():
            return end
        at = text.find("\n", at + 1)
    return -1


def _at_line_start(text: str, start: int) -> int:
    """For tokenizers whose line breaks end a token: before a line that is neither blank, indented nor a comment."""
    at = text.find("\n", max(0, start - 1)) + 1
    while 0 < at < len(text):
        if not text[at].isspace() and text[at] != "/":
            return at
        at = text.find("\n", at) + 1
    return -1


def _nowhere(text: str, start: int) -> int:  # noqa: ARG001 - a `Cut`
    return -1


# Best first.
_CUTS = (_before_break, _at_line_start)


def _speller(inner: tokenizers.Tokenizer) -> Callable[[str], bytes]:
    """How this vocabulary writes bytes: byte-level BPE, or SentencePiece with byte fall-back."""
    if type(inner.decoder).__name__ == "ByteLevel":
        return _spell_byte_level
    return _spell_sentencepiece


def _spell_byte_level(name: str) -> bytes:
    return bytes(_BYTE_OF[character] for character in name if character in _BYTE_OF)


def _spell_sentencepiece(name: str) -> bytes:
    if re.fullmatch(r"<0x[0-9A-F]{2}>", name):
        return bytes([int(name[3:5], 16)])
    return name.replace("▁", " ").encode()


def _byte_level_alphabet() -> dict[str, int]:
    """The published alphabet: printable Latin-1 stands for itself, the other bytes follow from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    alphabet = {chr(byte): byte for byte in printable}
    return alphabet | {chr(0x100 + n): byte for n, byte in enumerate(others)}


_BYTE_OF = _byte_level_alphabet()
