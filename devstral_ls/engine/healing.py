"""Token healing: the last tokens of a prompt are taken back when the cursor may stand inside a longer one.

Where `return sel` was typed, the tokens are `return` and ` sel`; but ` self` is one token, so the model
never saw anything follow ` sel`. Healed, the prompt ends with `return`, and what comes must begin with ` sel`.
"""

from dataclasses import dataclass

from devstral_ls.engine.pieces import PieceTable
from devstral_ls.engine.tokenizer import Tokenizer, Tokens

MAX_HEALED_TOKENS = 3


@dataclass(frozen=True, slots=True)
class Healed:
    """A prompt and the text that its completion has to begin with."""

    tokens: Tokens
    typed: bytes


def heal(tokens: Tokens, tokenizer: Tokenizer) -> Healed:
    """Take back the longest ending of whole characters that some token continues; never a marker."""
    pieces, table = tokenizer.pieces, tokenizer.table
    for n_back in range(min(MAX_HEALED_TOKENS, len(tokens) - 1), 0, -1):
        ending = [pieces[token] for token in tokens[-n_back:]]
        if all(ending) and _is_open(b"".join(ending), table):
            return Healed(tokens[:-n_back], b"".join(ending))
    return Healed(tokens, b"")


def _is_open(ending: bytes, table: PieceTable) -> bool:
    starts_a_character = ending[0] & 0xC0 != 0x80
    return starts_a_character and table.is_open(ending)
