"""Documents have the product's prompt form and fit their budget."""

import random

import pytest
from hypothesis import given, settings, strategies as st
from tokenizers import Tokenizer

from onnx_export.pretrain import documents, tokenizer
from onnx_export.pretrain.documents import Block, DocumentWriter

CODE = "import os\n\n\ndef walk(top):\n    for path in os.listdir(top):\n        yield path\n" * 12
BLOCK = Block("b.py", "def f(a): ...")
BOS, EOS, FILE, SUFFIX, PREFIX = map(
    tokenizer.SPECIAL_TOKENS.index,
    (tokenizer.BOS, tokenizer.EOS, tokenizer.FILE, tokenizer.SUFFIX, tokenizer.PREFIX),
)


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    return tokenizer.train([CODE], vocab_size=400)


def written(small: Tokenizer, seed: int, budget_tokens: int = 300) -> list[int]:
    writer = DocumentWriter(small, random.Random(seed))
    return writer.write("a.py", CODE, lambda: [BLOCK], budget_tokens)


def infills(small: Tokenizer) -> list[list[int]]:
    return [ids for seed in range(40) if SUFFIX in (ids := written(small, seed))]


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), budget_tokens=st.integers(documents.MIN_DOCUMENT_TOKENS, 400))
def test_document_fits_its_budget(small: Tokenizer, seed: int, budget_tokens: int) -> None:
    """A row is never overfilled."""
    assert len(written(small, seed, budget_tokens)) <= budget_tokens


def test_infill_shows_the_suffix_before_the_prefix(small: Tokenizer) -> None:
    """What is left of the cursor comes last, so that typing only adds to the end."""
    assert all(ids.index(SUFFIX) < ids.index(PREFIX) for ids in infills(small))


def test_infill_ends(small: Tokenizer) -> None:
    """Every middle is followed by the end token."""
    assert all(EOS == ids[-1] for ids in infills(small))


def test_prefix_and_middle_join_the_suffix_without_a_gap(small: Tokenizer) -> None:
    """Prefix, middle and suffix are a piece of the file, but for a line break that may stay out."""
    for ids in infills(small):
        suffix = small.decode(ids[ids.index(SUFFIX) + 1 : ids.index(PREFIX)])
        before = small.decode(ids[ids.index(PREFIX) + 1 : -1])
        assert before + suffix in CODE or before + "\n" + suffix in CODE


def test_own_path_is_the_last_header(small: Tokenizer) -> None:
    """The file under the cursor is named after the others."""
    for ids in infills(small):
        header = ids[len(ids) - ids[::-1].index(FILE) : ids.index(SUFFIX)]
        assert "a.py\n" == small.decode(header)


def test_context_names_other_files_first(small: Tokenizer) -> None:
    """A block is a path, then what that file offers."""
    block = small.decode(DocumentWriter(small, random.Random(0)).context([BLOCK], 100))
    assert "b.py\ndef f(a): ...\n" == block.removeprefix(tokenizer.FILE)
