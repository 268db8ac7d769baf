"""SentencePiece's tokenizer.model (its byte-pair kind): Llama 2, Code Llama, Mistral 7B, Mixtral, Codestral."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

from onnx_export.errors import TokenizerError
from onnx_export.vocabularies.merges import implied_merges

SPACE = "\u2581"
# Numbers of fields and values in sentencepiece_model.proto.
PIECES, TRAINER, NORMALIZER = 1, 2, 3
PIECE_TEXT, PIECE_SCORE, PIECE_KIND = 1, 2, 3
KIND_NORMAL, KIND_UNKNOWN, KIND_CONTROL, KIND_USER, KIND_BYTE = 1, 2, 3, 4, 6
MODEL_TYPE, MODEL_TYPE_BPE = 3, 2
ADD_DUMMY_PREFIX = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of the vocabulary."""

    text: str
    score: float
    kind: int


def read_sentencepiece(path: Path) -> Tokenizer:
    """Return the tokenizer that the SentencePiece library would build."""
    pieces, adds_prefix = _read_model(path)
    vocab = {piece.text: index for index, piece in enumerate(pieces)}
    ranks = {piece.text: -piece.score for piece in pieces if piece.kind in (KIND_NORMAL, KIND_USER)}
    unknown = next((piece.text for piece in pieces if piece.kind == KIND_UNKNOWN), None)
    model = models.BPE(vocab=vocab, merges=implied_merges(ranks), unk_token=unknown, fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    replace = normalizers.Replace(" ", SPACE)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), replace]) if adds_prefix else replace
    strip = [decoders.Strip(" ", 1, 0)] if adds_prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    special = [piece.text for piece in pieces if piece.kind in (KIND_UNKNOWN, KIND_CONTROL)]
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in special])
    return tokenizer


def _read_model(path: Path) -> tuple[list[Piece], bool]:
    try:
        return _parse(path.read_bytes())
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise TokenizerError(f"{path} is no byte-pair SentencePiece model ({error}); give a tokenizer.json") from error


def _parse(raw: bytes) -> tuple[list[Piece], bool]:
    pieces: list[Piece] = []
    adds_prefix, model_type = True, 1
    for number, value in _fields(raw):
        if number == PIECES and isinstance(value, bytes):
            pieces.append(_piece(dict(_fields(value))))
        elif number == TRAINER and isinstance(value, bytes):
            model_type = int(dict(_fields(value)).get(MODEL_TYPE, 1))
        elif number == NORMALIZER and isinstance(value, bytes):
            adds_prefix = bool(dict(_fields(value)).get(ADD_DUMMY_PREFIX, 1))
    if not pieces or model_type != MODEL_TYPE_BPE:
        raise ValueError(f"{len(pieces)} pieces of model type {model_type}")
    return pieces, adds_prefix


def _piece(fields: dict[int, bytes | int]) -> Piece:
    text, score = fields[PIECE_TEXT], fields.get(PIECE_SCORE, b"\0\0\0\0")
    if not isinstance(text, bytes) or not isinstance(score, bytes):
        raise ValueError("a piece without text")  # noqa: TRY004 - the caller turns both into one message
    return Piece(text.decode(), struct.unpack("<f", score)[0], int(fields.get(PIECE_KIND, KIND_NORMAL)))


def _fields(raw: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the fields of a protocol-buffer message: numbers for varints, bytes for the rest."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        match tag & 7:
            case 0:
                value, at = _varint(raw, at)
                yield tag >> 3, value
            case 2:
                length, at = _varint(raw, at)
                if len(raw) < at + length:
                    raise ValueError("it is truncated")
                yield tag >> 3, raw[at : at + length]
                at += length
            case 1 | 5 as kind:
                length = 8 if kind == 1 else 4
                yield tag >> 3, raw[at : at + length]
                at += length
            case kind:
                raise ValueError(f"a field of unknown kind {kind}")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
