r"""Training documents in the product's own prompt form.

    infill    <s>[FILE]a.py\n{signatures}\n[FILE]{path}\n[SUFFIX]{suffix}[PREFIX]{prefix}{middle}</s>
    reading   <s>[FILE]a.py\n{signatures}\n[FILE]{path}\n{text}

Prefix, middle and suffix are tokenised apart, as the engine does when it gets a cursor, so the
model learns to go on from a word that is cut anywhere.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tokenizers import Tokenizer

from onnx_export.pretrain import holes
from onnx_export.pretrain.holes import Hole
from onnx_export.pretrain.tokenizer import BOS, EOS, FILE, PREFIX, SPECIAL_TOKENS, SUFFIX

INFILL_SHARE = 0.8
CONTEXT_SHARE = 0.6  # of the documents; not all of them import something that is known
MAX_CONTEXT_BUDGET_SHARE = 0.35
DOCUMENT_TOKENS = (512, 1024, 1024, 2048)  # at most, as drawn for each: nobody's prompts all have one length
LINE_ALIGNED_SUFFIX_SHARE = 0.25  # of the holes that end with their line
MAX_MIDDLE_BUDGET_SHARE = 0.4
MIN_DOCUMENT_TOKENS = 64
CHARS_PER_TOKEN = 5  # more than any file has on average: windows are cut to size after encoding


@dataclass(frozen=True, slots=True)
class Block:
    """What another file offers: its path and the text shown of it."""

    path: str
    text: str


class DocumentWriter:
    """Turns places in files into token ids within a budget."""

    def __init__(self, tokenizer: Tokenizer, random: random.Random) -> None:
        # A literal "</s>" in somebody's source is text, not a marker.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._random = random
        self._bos, self._eos, self._file, self._suffix, self._prefix = map(
            SPECIAL_TOKENS.index, (BOS, EOS, FILE, SUFFIX, PREFIX)
        )

    def write(self, path: str, text: str, blocks: Callable[[], list[Block]], budget_tokens: int) -> list[int]:
        """One document about a random place of a file, at most so many tokens long."""
        budget_tokens = min(budget_tokens, self._random.choice(DOCUMENT_TOKENS))
        context: list[int] = []
        if self._random.random() < CONTEXT_SHARE:
            context = self.context(blocks(), int(budget_tokens * MAX_CONTEXT_BUDGET_SHARE))
        if self._random.random() < INFILL_SHARE:
            document = self._drawn_infill(path, text, context, budget_tokens)
            if document is not None:
                return document
        head = [self._bos, *context, *self._header(path)]
        return head + self._reading(text, budget_tokens - len(head)) if len(head) < budget_tokens else []

    def context(self, blocks: list[Block], budget_tokens: int) -> list[int]:
        """As many blocks as fit, sorted by path."""
        ids: list[int] = []
        for block in sorted(blocks, key=lambda block: block.path):
            more = [self._file, *self._encode(f"{block.path}\n{block.text}\n")]
            if len(ids) + len(more) <= budget_tokens:
                ids += more
        return ids

    def infill(
        self, path: str, text: str, hole: Hole, context: list[int], *, budget_tokens: int, suffix_tokens: int
    ) -> tuple[list[int], int]:
        """A document about this hole, and how many of its tokens are the prompt; the middle is never cut."""
        middle = [*self._encode(text[hole.start : hole.end]), self._eos]
        head = [self._bos, *context, *self._header(path)]
        room = max(0, budget_tokens - len(head) - len(middle) - 2)
        suffix = self._head(self._after(text, hole.end), min(suffix_tokens, room))
        prefix = self._tail(text[: hole.start], room - len(suffix))
        prompt = [*head, self._suffix, *suffix, self._prefix, *prefix]
        return [*prompt, *middle], len(prompt)

    def _drawn_infill(self, path: str, text: str, context: list[int], budget_tokens: int) -> list[int] | None:
        """A document about a drawn hole, or None when its middle is too long for the budget."""
        hole = holes.draw(text, self._random)
        suffix_tokens = int(budget_tokens * self._random.uniform(0.03, 0.4))
        ids, n_prompt = self.infill(path, text, hole, context, budget_tokens=budget_tokens, suffix_tokens=suffix_tokens)
        is_short = len(ids) - n_prompt <= MAX_MIDDLE_BUDGET_SHARE * budget_tokens
        return ids if is_short and len(ids) <= budget_tokens else None

    def _after(self, text: str, end: int) -> str:
        """The text after a hole; some callers send whole lines only."""
        if text[end : end + 1] == "\n" and self._random.random() < LINE_ALIGNED_SUFFIX_SHARE:
            return text[end + 1 :]
        return text[end:]

    def _reading(self, text: str, room: int) -> list[int]:
        last = max(0, len(text) - room * 2)
        start = text.rfind("\n", 0, self._random.randint(0, last)) + 1
        window = text[start : start + room * CHARS_PER_TOKEN]
        ids = self._encode(window)
        if len(ids) < room and start + len(window) == len(text):
            return [*ids, self._eos]
        return ids[:room]

    def _header(self, path: str) -> list[int]:
        return [self._file, *self._encode(f"{path}\n")]

    def _head(self, text: str, budget_tokens: int) -> list[int]:
        return self._encode(text[: budget_tokens * CHARS_PER_TOKEN])[:budget_tokens]

    def _tail(self, text: str, budget_tokens: int) -> list[int]:
        """The last whole lines of a text that fit the budget."""
        if not budget_tokens:
            return []
        first = max(0, len(text) - budget_tokens * CHARS_PER_TOKEN)
        text = text[text.find("\n", first) + 1 if first else 0 :]
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        surplus = len(encoding.ids) - budget_tokens
        if surplus <= 0:
            return list(encoding.ids)
        line = text.find("\n", encoding.offsets[surplus][0])
        return self._encode(text[line + 1 :])[-budget_tokens:] if 0 <= line else encoding.ids[surplus:]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
