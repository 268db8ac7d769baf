"""Prompts to fill holes, and questions: one layout for each model family, rendered to token ids that fit the window."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import groupby

import numpy as np

from devstral_ls.engine.request import Block, ChatPrompt, InfillPrompt
from devstral_ls.engine.tokenizer import Tokenizer, Tokens
from devstral_ls.errors import PromptError


class Part(Enum):
    """Where a layout puts what the caller gives."""

    BLOCKS = auto()
    TITLE = auto()
    TEXT = auto()
    SUFFIX = auto()
    VOLATILE = auto()
    PREFIX = auto()
    SYSTEM = auto()
    USER = auto()
    ANSWER = auto()  # an earlier one
    END = auto()  # the token that ends an answer


@dataclass(frozen=True, slots=True)
class Marker:
    """A special token by its name."""

    name: str


Layout = tuple[Marker | Part | str, ...]


@dataclass(frozen=True, slots=True)
class InfillFormat:
    """How one model family wants its prompt."""

    block: Layout  # one piece of other text
    whole: Layout
    stops: tuple[str, ...]  # markers that end a completion as the end token does


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How one model family wants a question; its answer begins where the layout ends."""

    whole: Layout  # the first question
    again: Layout  # from an answer to the next question
    stops: tuple[str, ...]
    has_start: bool  # whether the token that begins a text begins the question


_P, _M = Part, Marker

FORMATS = {
    "mistral": InfillFormat(
        block=(_M("[FILE]"), _P.TITLE, "\n", _P.TEXT, "\n"),
        whole=(
            *(_P.BLOCKS, _M("[FILE]"), _P.TITLE, "\n"),
            *(_M("[SUFFIX]"), _P.SUFFIX, _M("[PREFIX]"), _P.VOLATILE, _P.PREFIX),
        ),
        stops=("[PREFIX]", "[SUFFIX]", "[FILE]"),
    ),
    "codestral": InfillFormat(
        block=("+++++ ", _P.TITLE, "\n", _P.TEXT, "\n\n"),
        whole=(
            *(_M("[SUFFIX]"), _P.SUFFIX, _M("[PREFIX]")),
            *(_P.BLOCKS, "+++++ ", _P.TITLE, "\n", _P.VOLATILE, _P.PREFIX),
        ),
        stops=("[PREFIX]", "[SUFFIX]"),
    ),
    "codellama": InfillFormat(
        block=("# ", _P.TITLE, "\n", _P.TEXT, "\n"),
        whole=(
            *(_M("▁<PRE>"), _P.BLOCKS, _P.VOLATILE, _P.PREFIX),
            *(_M("▁<SUF>"), _P.SUFFIX, _M("▁<MID>")),
        ),
        stops=("▁<EOT>", "▁<PRE>", "▁<SUF>", "▁<MID>"),
    ),
    "deepseek": InfillFormat(
        block=("#", _P.TITLE, "\n", _P.TEXT, "\n"),
        whole=(
            *(_P.BLOCKS, "#", _P.TITLE, "\n", _M("<\uff5cfim▁begin\uff5c>"), _P.VOLATILE, _P.PREFIX),
            *(_M("<\uff5cfim▁hole\uff5c>"), _P.SUFFIX, _M("<\uff5cfim▁end\uff5c>")),
        ),
        stops=("<\uff5cfim▁begin\uff5c>", "<\uff5cfim▁hole\uff5c>", "<\uff5cfim▁end\uff5c>"),
    ),
    "qwen": InfillFormat(
        block=(_M("<|file_sep|>"), _P.TITLE, "\n", _P.TEXT, "\n"),
        whole=(
            *(_P.BLOCKS, _M("<|file_sep|>"), _P.TITLE, "\n"),
            *(_M("<|fim_prefix|>"), _P.VOLATILE, _P.PREFIX),
            *(_M("<|fim_suffix|>"), _P.SUFFIX, _M("<|fim_middle|>")),
        ),
        stops=("<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|file_sep|>"),
    ),
    "starcoder2": InfillFormat(
        block=(_M("<file_sep>"), _P.TITLE, "\n", _P.TEXT),
        whole=(
            *(_P.BLOCKS, _M("<file_sep>"), _M("<fim_prefix>"), _P.TITLE, "\n", _P.VOLATILE, _P.PREFIX),
            *(_M("<fim_suffix>"), _P.SUFFIX, _M("<fim_middle>")),
        ),
        stops=("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>", "<|endoftext|>"),
    ),
    "granite": InfillFormat(
        block=("# ", _P.TITLE, "\n", _P.TEXT, "\n"),
        whole=(
            *(_M("<|fim_prefix|>"), _P.BLOCKS, _P.VOLATILE, _P.PREFIX),
            *(_M("<|fim_suffix|>"), _P.SUFFIX, _M("<|fim_middle|>")),
        ),
        stops=("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    ),
}

# As the chat templates of these families lay out a system message, questions with answers, and how an answer begins.
CHATS = {
    "mistral": ChatFormat(
        whole=(
            *(_M("[SYSTEM_PROMPT]"), _P.SYSTEM, _M("[/SYSTEM_PROMPT]")),
            *(_M("[INST]"), _P.USER, _M("[/INST]")),
        ),
        again=(_P.ANSWER, _P.END, _M("[INST]"), _P.USER, _M("[/INST]")),
        stops=("[INST]",),
        has_start=True,
    ),
    "mistral-plain": ChatFormat(
        whole=(_M("[INST]"), _P.SYSTEM, "\n\n", _P.USER, _M("[/INST]")),
        again=(_P.ANSWER, _P.END, _M("[INST]"), _P.USER, _M("[/INST]")),
        stops=("[INST]",),
        has_start=True,
    ),
    "chatml": ChatFormat(
        whole=(
            *(_M("<|im_start|>"), "system\n", _P.SYSTEM, _M("<|im_end|>"), "\n"),
            *(_M("<|im_start|>"), "user\n", _P.USER, _M("<|im_end|>"), "\n"),
            *(_M("<|im_start|>"), "assistant\n"),
        ),
        again=(
            *(_P.ANSWER, _M("<|im_end|>"), "\n"),
            *(_M("<|im_start|>"), "user\n", _P.USER, _M("<|im_end|>"), "\n"),
            *(_M("<|im_start|>"), "assistant\n"),
        ),
        stops=("<|im_end|>", "<|im_start|>"),
        has_start=False,
    ),
    "llama3": ChatFormat(
        whole=(
            *(_M("<|start_header_id|>"), "system", _M("<|end_header_id|>"), "\n\n", _P.SYSTEM, _M("<|eot_id|>")),
            *(_M("<|start_header_id|>"), "user", _M("<|end_header_id|>"), "\n\n", _P.USER, _M("<|eot_id|>")),
            *(_M("<|start_header_id|>"), "assistant", _M("<|end_header_id|>"), "\n\n"),
        ),
        again=(
            *(_P.ANSWER, _M("<|eot_id|>")),
            *(_M("<|start_header_id|>"), "user", _M("<|end_header_id|>"), "\n\n", _P.USER, _M("<|eot_id|>")),
            *(_M("<|start_header_id|>"), "assistant", _M("<|end_header_id|>"), "\n\n"),
        ),
        stops=("<|eot_id|>", "<|start_header_id|>"),
        has_start=True,
    ),
    "granite": ChatFormat(
        whole=(
            *(_M("<|start_of_role|>"), "system", _M("<|end_of_role|>"), _P.SYSTEM, _M("<|end_of_text|>"), "\n"),
            *(_M("<|start_of_role|>"), "user", _M("<|end_of_role|>"), _P.USER, _M("<|end_of_text|>"), "\n"),
            *(_M("<|start_of_role|>"), "assistant", _M("<|end_of_role|>")),
        ),
        again=(
            *(_P.ANSWER, _M("<|end_of_text|>"), "\n"),
            *(_M("<|start_of_role|>"), "user", _M("<|end_of_role|>"), _P.USER, _M("<|end_of_text|>"), "\n"),
            *(_M("<|start_of_role|>"), "assistant", _M("<|end_of_role|>")),
        ),
        stops=("<|end_of_text|>", "<|start_of_role|>"),
        has_start=False,
    ),
    "deepseek": ChatFormat(
        whole=(_P.SYSTEM, "\n\nUser: ", _P.USER, "\n\nAssistant:"),
        again=(" ", _P.ANSWER, _P.END, "User: ", _P.USER, "\n\nAssistant:"),
        stops=(),
        has_start=True,
    ),
}

# Shares of the window when a prompt does not fit: other texts go first, then the far ends of this one.
SUFFIX_SHARE = 0.25
# A cut prefix starts at a multiple of this share, so that its start stays put while its end is typed.
SNAP_SHARE = 0.125


def as_text(name: str, prompt: InfillPrompt) -> str:
    """The prompt with its markers written out, for a server with a tokenizer of its own."""
    return "".join(piece.name if isinstance(piece, Marker) else piece for piece in _filled(FORMATS[name], prompt))


class InfillPrompts:
    """Renders the prompts of one model."""

    def __init__(self, name: str, tokenizer: Tokenizer, bos_token_id: int | None) -> None:
        self._format = _format(name, tokenizer)
        self._tokenizer = tokenizer
        self._bos = np.array([] if bos_token_id is None else [bos_token_id], np.int64)

    @property
    def heals(self) -> bool:
        """Whether the last tokens may be taken back: they are the prefix's, and the model wants whole words."""
        return self._format.whole[-1] is Part.PREFIX

    @property
    def stop_tokens(self) -> frozenset[int]:
        """The markers that end a completion."""
        tokens = (self._tokenizer.marker(name) for name in self._format.stops)
        return frozenset(token for token in tokens if token is not None)

    def render(self, prompt: InfillPrompt, limit_tokens: int) -> Tokens:
        """The prompt's tokens; a prompt over the limit loses other texts first, then its own far ends."""
        tokens = self._tokens(prompt)
        if limit_tokens < len(tokens):
            tokens = self._tokens(self._shrink(prompt, limit_tokens))
        return tokens[-limit_tokens:]

    def _tokens(self, prompt: InfillPrompt) -> Tokens:
        return np.concatenate([self._bos, *_encoded(_filled(self._format, prompt), self._tokenizer)])

    def _shrink(self, prompt: InfillPrompt, limit_tokens: int) -> InfillPrompt:
        alone = replace(prompt, stable=())
        room = limit_tokens - len(self._tokens(alone)) if prompt.stable else -1
        if 0 <= room:
            return replace(prompt, stable=self._that_fit(prompt, room))
        suffix = self._head(prompt.suffix, int(limit_tokens * SUFFIX_SHARE))
        fixed = replace(alone, suffix=suffix, volatile="", prefix="")
        room = limit_tokens - len(self._tokens(fixed)) - 1  # a cut may cost a token
        return replace(fixed, prefix=self._tail(prompt.prefix, max(1, room)))

    def _that_fit(self, prompt: InfillPrompt, room_tokens: int) -> tuple[Block, ...]:
        """The first blocks that fit together: later ones are the more recent guests."""
        bare = len(self._tokens(replace(prompt, stable=())))
        kept = len(prompt.stable)
        while kept and room_tokens < len(self._tokens(replace(prompt, stable=prompt.stable[:kept]))) - bare:
            kept -= 1
        return prompt.stable[:kept]

    def _head(self, text: str, limit_tokens: int) -> str:
        tokens = self._tokenizer.encode(text)
        if len(tokens) <= limit_tokens:
            return text
        n_bytes = self._tokenizer.n_bytes(tokens[:limit_tokens])
        return text.encode(errors="replace")[:n_bytes].decode(errors="ignore")

    def _tail(self, text: str, limit_tokens: int) -> str:
        """The end of a text; the cut stays put for many keystrokes and stands at a line's start if it can."""
        tokens = self._tokenizer.encode(text)
        if len(tokens) <= limit_tokens:
            return text
        step = max(1, int(limit_tokens * SNAP_SHARE))
        surplus = min(len(tokens) - 1, -(-(len(tokens) - limit_tokens) // step) * step)
        tail = text.encode(errors="replace")[self._tokenizer.n_bytes(tokens[:surplus]) :].decode(errors="ignore")
        _, line_break, whole_lines = tail.partition("\n")
        return whole_lines if line_break and len(tail) < 2 * len(whole_lines) else tail


class ChatPrompts:
    """Renders the questions of one model; `end_token_id` is the token that ends its texts."""

    def __init__(self, name: str, tokenizer: Tokenizer, bos_token_id: int | None, end_token_id: int) -> None:
        self._format = _chat_format(name, tokenizer)
        self._tokenizer = tokenizer
        self._end = np.array([end_token_id], np.int64)
        begins = self._format.has_start and bos_token_id is not None
        self._start = np.array([bos_token_id] if begins else [], np.int64)

    @property
    def stop_tokens(self) -> frozenset[int]:
        """The markers that end an answer."""
        tokens = (self._tokenizer.marker(name) for name in self._format.stops)
        return frozenset(token for token in tokens if token is not None)

    def render(self, prompt: ChatPrompt, limit_tokens: int) -> Tokens:
        """The question's tokens; one that does not fit is refused, because half of it asks something else."""
        tokens: Tokens = np.concatenate([self._start, *self._tokens(_conversation(self._format, prompt))])
        if limit_tokens < len(tokens):
            raise PromptError(f"the question has {len(tokens)} tokens, but this model has room for {limit_tokens}")
        return tokens

    def _tokens(self, pieces: Iterable[Marker | str | None]) -> Iterator[Tokens]:
        for is_end, between in groupby(pieces, lambda piece: piece is None):
            if is_end:
                yield self._end
            else:
                yield from _encoded((piece for piece in between if piece is not None), self._tokenizer)


def _format(name: str, tokenizer: Tokenizer) -> InfillFormat:
    """The format of this name, if all its markers are single tokens of this tokenizer."""
    known = FORMATS.get(name)
    if known is None:
        raise PromptError(f"unknown prompt format {name!r}; known are {', '.join(FORMATS)}")
    _require_markers(name, (*known.block, *known.whole), tokenizer)
    return known


def _chat_format(name: str, tokenizer: Tokenizer) -> ChatFormat:
    known = CHATS.get(name)
    if known is None:
        raise PromptError(f"unknown chat format {name!r}; known are {', '.join(CHATS)}")
    _require_markers(name, (*known.whole, *known.again), tokenizer)
    return known


def _require_markers(name: str, layout: Layout, tokenizer: Tokenizer) -> None:
    for piece in layout:
        if isinstance(piece, Marker) and tokenizer.marker(piece.name) is None:
            raise PromptError(f"prompt format {name!r} is off: its marker {piece.name} is not one token of this model")


def _encoded(pieces: Iterable[Marker | str], tokenizer: Tokenizer) -> Iterator[Tokens]:
    for piece in _joined(pieces):
        yield tokenizer.encode(piece) if isinstance(piece, str) else np.array([tokenizer.marker(piece.name)], np.int64)


def _filled(chosen: InfillFormat, prompt: InfillPrompt) -> Iterator[Marker | str]:
    texts = {
        Part.TITLE: prompt.title,
        Part.SUFFIX: prompt.suffix,
        Part.VOLATILE: prompt.volatile,
        Part.PREFIX: prompt.prefix,
    }
    for piece in chosen.whole:
        if piece is Part.BLOCKS:
            for block in prompt.stable:
                yield from _block(chosen.block, block)
        else:
            yield texts[piece] if isinstance(piece, Part) else piece


def _conversation(chosen: ChatFormat, prompt: ChatPrompt) -> Iterator[Marker | str | None]:
    """All that was said, in order; None stands for the token that ends an answer."""
    users = [*(user for user, _ in prompt.before), prompt.user]
    answers = ["", *(answer.strip() for _, answer in prompt.before)]
    for n, (user, answer) in enumerate(zip(users, answers, strict=True)):
        texts = {Part.SYSTEM: prompt.system, Part.USER: user, Part.ANSWER: answer, Part.END: None}
        for piece in chosen.again if n else chosen.whole:
            yield texts[piece] if isinstance(piece, Part) else piece


def _block(layout: Layout, block: Block) -> Iterator[Marker | str]:
    texts = {Part.TITLE: block.title, Part.TEXT: block.text}
    for piece in layout:
        yield texts[piece] if isinstance(piece, Part) else piece


def _joined(pieces: Iterable[Marker | str]) -> Iterator[Marker | str]:
    """Neighbouring texts as one, because tokens may cross where they meet."""
    for is_text, group in groupby(pieces, lambda piece: isinstance(piece, str)):
        if is_text:
            yield "".join(piece for piece in group if isinstance(piece, str))
        else:
            yield from group
