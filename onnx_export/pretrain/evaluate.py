"""How good a checkpoint is on packages it never saw, straight from its weights.

Greedy decoding writes a text exactly when each of its tokens is the likeliest after those before it,
so exact matches are counted without generating: one forward pass a hole.
What ships is measured through the engine instead, by `benchmarks/embedded_model`.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from onnx_export.pretrain import corpus, holes, start, tokenizer
from onnx_export.pretrain.corpus import SourceFile
from onnx_export.pretrain.documents import DocumentWriter
from onnx_export.pretrain.holes import Hole
from onnx_export.pretrain.imports import ImportedBlocks
from onnx_export.pretrain.model import Mixtral
from onnx_export.pretrain.state import State

WINDOW_TOKENS = 512
CONTEXT_TOKENS = 160
SUFFIX_TOKENS = 128
N_WINDOWS = 100
N_HOLES = 150
TASKS: dict[str, Callable[[str, random.Random], Hole]] = {
    "rest of line": holes.rest_of_line,
    "whole line": holes.whole_line,
    "after dot": holes.after_dot,
    "arguments": holes.inside_call,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How well a model foresees text it reads from left to right."""

    nats_per_token: float
    bits_per_byte: float
    top_1: float


def evaluate(state: State, folder: Path) -> dict[str, float]:
    """Every figure of a checkpoint folder or a bundle by its name."""
    torch.set_num_threads(1)
    model = start.open_model(folder).eval()
    files = corpus.load(state, corpus.HELD_OUT_FILE)
    tokens = tokenizer.load(state.tokenizer)
    reading = read(model, files, tokens)
    figures = {
        "nats_per_token": reading.nats_per_token,
        "bits_per_byte": reading.bits_per_byte,
        "top_1": reading.top_1,
    }
    for task in TASKS:
        figures[f"{task}, exact match"] = exact_match(model, files, tokens, task)
    return figures


@torch.no_grad()
def read(model: Mixtral, files: list[SourceFile], tokens: Tokenizer) -> Reading:
    """Losses over windows drawn evenly from the text; the file's path is given, not counted."""
    nats, n_bytes, n_right, n_tokens = 0.0, 0, 0, 0
    for header, body in _windows(files, tokens):
        ids = torch.tensor([[*header, *body]])
        logits = model(ids)[0, len(header) - 1 : -1]
        targets = ids[0, len(header) :]
        nats += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
        n_right += int((logits.argmax(-1) == targets).sum())
        n_tokens += len(body)
        n_bytes += len(tokens.decode(body).encode())
    return Reading(nats / n_tokens, nats / n_bytes / math.log(2), n_right / n_tokens)


@torch.no_grad()
def exact_match(model: Mixtral, files: list[SourceFile], tokens: Tokenizer, task: str) -> float:
    """The share of holes that greedy decoding fills as their authors did, and then stops."""
    rng = random.Random(task)
    writer = DocumentWriter(tokens, rng)
    imported = ImportedBlocks(files)
    n_right = 0
    for file in rng.choices(files, [len(file.text) for file in files], k=N_HOLES):
        hole = TASKS[task](file.text, rng)
        context = writer.context(imported.of(file), CONTEXT_TOKENS)
        ids, n_prompt = writer.infill(
            file.path, file.text, hole, context, budget_tokens=WINDOW_TOKENS, suffix_tokens=SUFFIX_TOKENS
        )
        logits = model(torch.tensor([ids]))[0, n_prompt - 1 : -1]
        n_right += logits.argmax(-1).tolist() == ids[n_prompt:]
    return n_right / N_HOLES


def _windows(files: list[SourceFile], tokens: Tokenizer) -> Iterator[tuple[list[int], list[int]]]:
    rng = random.Random(0)
    tokens.encode_special_tokens = True
    bos, marker = (tokenizer.SPECIAL_TOKENS.index(name) for name in (tokenizer.BOS, tokenizer.FILE))
    for file in rng.choices(files, [len(file.text) for file in files], k=N_WINDOWS):
        header = [bos, marker, *tokens.encode(f"{file.path}\n").ids]
        start = file.text.rfind("\n", 0, rng.randrange(len(file.text))) + 1
        body = tokens.encode(file.text[start : start + WINDOW_TOKENS * 8]).ids
        yield header, body[: WINDOW_TOKENS - len(header)]
