"""The byte-level BPE of the embedded model: a line break with its indentation is one piece."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCAB_SIZE = 8192
MAX_TOKEN_CHARS = 48
N_RESERVED = 32

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
PREFIX, MIDDLE, SUFFIX = "[PREFIX]", "[MIDDLE]", "[SUFFIX]"
FILE, REPO = "[FILE]", "[REPO]"
_NAMED = ["<unk>", BOS, EOS, PAD, PREFIX, MIDDLE, SUFFIX, FILE, REPO]
SPECIAL_TOKENS = [*_NAMED, *(f"<reserved_{n}>" for n in range(len(_NAMED), N_RESERVED))]

# In order: line breaks with the indentation they lead to, names, numbers in threes,
# operators and quotes, runs of spaces. One leading space belongs to what follows it.
PIECES = (
    r"(?:\r?\n)+[ \t]*"
    r"| ?[^\W\d]\w*"
    r"| ?\d{1,3}"
    r"| ?[^\s\w]+"
    r"|[ \t]+(?!\S)"
    r"|\s+"
)


def train(texts: Iterable[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """Learn the merges; the special tokens take the first ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(name, normalized=False, special=True) for name in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=MAX_TOKEN_CHARS,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load(path: Path) -> Tokenizer:
    """The tokenizer a finished tokenizer stage left behind."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    return tokenizer
