"""How much around a hole the embedded model should see: `python benchmarks/embedded_model/prompt_length.py BUNDLE`.

At the same held-out places, what the author wrote (the rest up to 40 tokens) is told its log-chance by the network
alone, under prompts that show more and less of the file before the hole, of the file behind it, and of the signatures
that other files define. What is told is nats a place, and the mean difference to the first kind of prompt.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from cases import Case, draw
from numpy.typing import NDArray

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import open_backend
from devstral_ls.engine.manifest import read_manifest
from devstral_ls.engine.prompts import InfillPrompts
from devstral_ls.engine.request import Block, InfillPrompt
from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.pretrain import corpus
from onnx_export.pretrain.state import DEFAULT_ROOT, State

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

TASKS = ("next line", "after dot")
WRITTEN_TOKENS = 40
MOST_CHARACTERS_A_TOKEN = 12
SIGNATURE_CHARS = 6000
SIGNATURE_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens of the file before the hole, behind it, and, roughly, of signatures."""

    prefix: int
    suffix: int
    signatures: int

    def __str__(self) -> str:
        return f"{self.prefix} before, {self.suffix} behind, {self.signatures} of signatures"


WINDOWS = (
    Window(1024, 256, 1024),  # what a model is shown that says nothing else
    Window(300, 250, 250),  # within 1,024 tokens, a completion included
    *(Window(400, 133, 267), Window(250, 350, 200), Window(200, 250, 350), Window(400, 400, 0)),
    *(Window(400, 128, 0), Window(700, 128, 0), Window(1024, 256, 0), Window(400, 256, 1024)),
)


def main() -> None:
    arguments = parse_arguments()
    tokenizer = Tokenizer.open(arguments.bundle / "tokenizer.json")
    files = corpus.load(State(arguments.state.expanduser()), corpus.HELD_OUT_FILE)
    cases = [case for task in TASKS for case in draw(files, task, arguments.cases, context_chars=SIGNATURE_CHARS)]
    figures: dict[str, object] = {"cases_per_task": arguments.cases}
    first: NDArray[np.float64] | None = None
    for window in WINDOWS:
        nats, n_tokens = read(arguments.bundle, tokenizer, cases, window)
        first = nats if first is None else first
        more = nats - first
        figures[str(window)] = {
            "prompt_tokens_p50": int(np.median(n_tokens)),
            "nats_a_place": round(float(nats.mean()), 3),
            "more_than_the_first": round(float(more.mean()), 3),
            "interval_95": round(1.96 * float(more.std()) / math.sqrt(len(more)), 3),
        }
        print(window, figures[str(window)], flush=True)
    print(f"wrote {record('embedded_model_prompt_length', figures)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--state", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--cases", type=int, default=250, help="places a task")
    return parser.parse_args()


def read(
    folder: Path, tokenizer: Tokenizer, cases: Sequence[Case], window: Window
) -> tuple[NDArray[np.float64], list[int]]:
    """Nats of each place's text, and how long its prompt was."""
    manifest = read_manifest(folder)
    backend = open_backend(folder, manifest, provider="cpu", n_threads=1)
    cache = backend.new_cache(manifest.window_tokens)
    prompts = InfillPrompts(manifest.prompt_formats["infill"] or "", tokenizer, manifest.bos_token_id)
    nats, n_tokens = [], []
    for case in cases:
        prompt = prompts.render(shown(tokenizer, case, window), manifest.window_tokens - WRITTEN_TOKENS)
        written = tokenizer.encode(case.expected)[:WRITTEN_TOKENS]
        ids = np.concatenate([prompt, written])
        logits = backend.logits(cache, ids, n_past=0, n_logits=len(written) + 1, cancel=CancelToken())[:-1]
        highest = logits.max(-1, keepdims=True)
        totals = np.log(np.exp(logits - highest).sum(-1)) + highest[:, 0]
        nats.append(float((totals - logits[np.arange(len(written)), written]).sum()))
        n_tokens.append(len(prompt))
    backend.close()
    return np.array(nats), n_tokens


def shown(tokenizer: Tokenizer, case: Case, window: Window) -> InfillPrompt:
    """The case's surroundings as far as the window goes."""
    before = tokenizer.encode(case.before[-window.prefix * MOST_CHARACTERS_A_TOKEN :])[-window.prefix :]
    after = tokenizer.encode(case.after[: window.suffix * MOST_CHARACTERS_A_TOKEN])[: window.suffix]
    whole = case.prompt(with_context=True)
    signatures = tuple(within(whole.stable, window.signatures * SIGNATURE_CHARACTERS_A_TOKEN))
    return replace(whole, stable=signatures, suffix=tokenizer.text(after), prefix=tokenizer.text(before))


def within(blocks: Sequence[Block], n_characters: int) -> list[Block]:
    """The blocks in their order, each that still fits."""
    kept: list[Block] = []
    for block in blocks:
        if len(block.text) <= n_characters:
            kept.append(block)
            n_characters -= len(block.text)
    return kept


if __name__ == "__main__":
    main()
