"""Mistral's tekken.json: byte tokens with ranks, and special tokens before them."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from onnx_export.checkpoint import Settings, read_json
from onnx_export.errors import TokenizerError
from onnx_export.vocabularies.merges import implied_merges

# What files older than the list of special tokens inside them mean by their first ids.
OLD_SPECIAL_TOKENS = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)


def read_tekken(path: Path) -> Tokenizer:
    """Return the tokenizer that Mistral's own library would build."""
    raw = read_json(path)
    settings = Settings(raw, path.name).part("config")
    special = _special_tokens(raw, settings.count("default_num_special_tokens"))
    n_ordinary = settings.count("default_vocab_size") - len(special)
    ranks = {token: rank for rank, token in enumerate(_ordinary_tokens(raw, path, n_ordinary))}
    vocab = {token: index for index, token in enumerate(special)}
    vocab |= {token: rank + len(special) for token, rank in ranks.items()}
    model = models.BPE(vocab=vocab, merges=implied_merges(ranks), ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(settings.text("pattern")), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return tokenizer


def _special_tokens(raw: Mapping[str, object], n_special: int) -> list[str]:
    """The special tokens by id; unused ids are filled up, as Mistral's library does."""
    listed = raw.get("special_tokens")
    named = [str(token["token_str"]) for token in listed] if isinstance(listed, list) else list(OLD_SPECIAL_TOKENS)
    return [*named, *(f"<SPECIAL_{index}>" for index in range(len(named), n_special))]


def _ordinary_tokens(raw: Mapping[str, object], path: Path, n_tokens: int) -> Iterator[str]:
    """The byte tokens in the order of their ranks, each byte as the letter that stands for it."""
    letters = byte_letters()
    entries = raw.get("vocab")
    if not isinstance(entries, list) or len(entries) < n_tokens:
        raise TokenizerError(f"{path} holds fewer than {n_tokens} tokens; fetch it again")
    for entry in entries[:n_tokens]:
        try:
            token = base64.b64decode(entry["token_bytes"], validate=True)
        except (TypeError, KeyError, binascii.Error) as error:
            raise TokenizerError(f"{path} holds a damaged token ({error}); fetch it again") from error
        yield "".join(letters[byte] for byte in token)


def byte_letters() -> list[str]:
    """Return the printable letter for each byte that byte-level tokenizers agree on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable}
    letters |= {byte: chr(256 + index) for index, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]
