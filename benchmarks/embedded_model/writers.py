"""Who fills the holes: the model through the product's engine, and baselines that any editor could have."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import jedi
import numpy as np
from cases import Case
from numpy.typing import NDArray
from scoring import line_end, wanted_part

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.backends.ort import open_backend
from devstral_ls.engine.engine import Engine, ModelFacts
from devstral_ls.engine.manifest import verify_bundle
from devstral_ls.engine.request import CostRule, GenerationRequest
from devstral_ls.engine.tokenizer import Tokenizer
from onnx_export.pretrain.corpus import SourceFile

MAX_LINE_TOKENS = 48
MAX_BLOCK_TOKENS = 160
MIN_MATCH_CHARS = 4
NGRAM_ORDERS = range(7, 0, -1)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text, how sure its writer is of it (mean log-chance of its tokens), and the log-chance of the whole."""

    text: str
    confidence: float = 0.0
    total_logprob: float = 0.0


# The other files of the same package, nearest first, as many as the product takes.
Neighbours = Callable[[SourceFile], tuple[str, ...]]


class Writer(Protocol):
    """Fills a hole from what surrounds it."""

    def write(self, case: Case, task: str) -> Suggestion: ...


class ModelWriter:
    """The model of a bundle, through the engine that ships."""

    def __init__(self, engine: Engine, *, with_context: bool, neighbours: Neighbours | None = None) -> None:
        self._engine, self._with_context, self._neighbours = engine, with_context, neighbours

    def write(self, case: Case, task: str) -> Suggestion:
        return self.generate(case, task, cost=None)

    def generate(self, case: Case, task: str, cost: CostRule | None) -> Suggestion:
        """What the model writes, or what it writes where some texts cost."""
        is_block = task == "block"
        prompt = case.prompt(with_context=self._with_context)
        project = ""
        if self._neighbours is not None:
            project, texts = case.file.path, self._neighbours(case.file)
            self._engine.learn(project, texts).result()
        request = GenerationRequest(
            prompt=prompt,
            project=project,
            references=case.elsewhere(prompt),
            key=case.file.path,
            max_tokens=MAX_BLOCK_TOKENS if is_block else MAX_LINE_TOKENS,
            stop=None if is_block else line_end,
            cost=cost,
        )
        best = self._engine.generate_blocking(request, CancelToken()).completions[0]
        return Suggestion(best.text, best.mean_logprob, best.mean_logprob * best.n_tokens)


class CopyWriter:
    """Goes on as the file did after the longest earlier text that ends like this one."""

    def write(self, case: Case, task: str) -> Suggestion:
        before = case.before
        length, at = MIN_MATCH_CHARS, -1
        while length <= len(before):
            found = before.rfind(before[-length:], 0, len(before) - 1)
            if found < 0:
                break
            at, length = found + length, length + 1
        end = len(before) if task == "block" else line_end(before[at:])
        return Suggestion(before[at:][:end] if 0 <= at else "")


class NgramWriter:
    """A token n-gram with back-off, counted on rows that the model was trained on."""

    def __init__(self, tokenizer: Tokenizer, rows: NDArray[np.uint16]) -> None:
        self._tokenizer = tokenizer
        ids = rows.reshape(-1).astype(np.uint64)
        self._tables = {order: _table(ids, order) for order in NGRAM_ORDERS}

    def write(self, case: Case, task: str) -> Suggestion:
        ids = list(self._tokenizer.encode(case.before[-400:]))
        n_prompt = len(ids)
        limit = MAX_BLOCK_TOKENS if task == "block" else MAX_LINE_TOKENS
        while len(ids) < n_prompt + limit:
            token = self._next(ids)
            if token is None or token < 32:  # the reserved ids: an end or a marker
                break
            ids.append(token)
            text = self._tokenizer.text(np.array(ids[n_prompt:], np.int64))
            if task != "block" and line_end(text) is not None:
                break
        return Suggestion(self._tokenizer.text(np.array(ids[n_prompt:], np.int64)))

    def _next(self, ids: list[int]) -> int | None:
        """The token seen most often after the longest known context."""
        for order, (contexts, tokens) in self._tables.items():
            if len(ids) < order:
                continue
            context = _hash(np.array(ids[-order:], np.uint64)[None])[0]
            first, last = np.searchsorted(contexts, [context, context + np.uint64(1)])
            if first < last:
                return int(np.bincount(tokens[first:last]).argmax())
        return None


class Jedi:
    """What static analysis lists after a dot, with the held-out packages side by side and nothing else installed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._project = jedi.Project(root, sys_path=[str(root)], smart_sys_path=False)

    def names(self, case: Case) -> list[str]:
        """Names in jedi's order, of the file as an editor has it: the hole is empty, the rest is there."""
        lines = case.before.split("\n")
        script = jedi.Script(case.before + case.after, path=self._root / case.file.path, project=self._project)
        try:
            return [found.name for found in script.complete(len(lines), len(lines[-1]))]
        except Exception:  # noqa: BLE001  jedi fails in many ways on code that it cannot follow
            return []


class JediWriter:
    """The first name that static analysis offers after a dot."""

    def __init__(self, jedi: Jedi) -> None:
        self._jedi = jedi

    def write(self, case: Case, task: str) -> Suggestion:
        assert task == "after dot"
        names = self._jedi.names(case)
        return Suggestion(names[0] if names else "")


class RankedNamesWriter:
    """The model's choice among the names that static analysis offers; its own where there are none."""

    def __init__(self, model: ModelWriter, jedi: Jedi) -> None:
        self._model, self._jedi = model, jedi
        self.n_listed = 0  # how often the author's name was among those offered

    def write(self, case: Case, task: str) -> Suggestion:
        assert task == "after dot"
        names = self._jedi.names(case)
        self.n_listed += wanted_part(task, case.expected) in names
        return self._model.generate(case, task, one_of(names) if names else None)


def one_of(names: Sequence[str]) -> CostRule:
    """One of the names must come first, then anything may."""

    def cost(text: str, is_end: bool) -> float:  # noqa: FBT001 - a CostRule
        name = wanted_part("after dot", text)
        is_whole = is_end or name != text
        return 0.0 if name in names or (not is_whole and any(each.startswith(text) for each in names)) else math.inf

    return cost


@contextmanager
def open_engine(folder: Path, *, with_matches: bool) -> Iterator[Engine]:
    """The engine of one bundle on one thread."""
    manifest = verify_bundle(folder)
    facts = ModelFacts(
        name=manifest.name,
        window_tokens=manifest.window_tokens,
        kv_bytes_per_token=manifest.kv_bytes_per_token,
        bos_token_id=manifest.bos_token_id,
        end_tokens=frozenset(manifest.eos_token_ids),
        infill_format=manifest.prompt_formats["infill"],
        match_ladder=manifest.match_ladder if with_matches else (),
        project_ladder=manifest.project_ladder if with_matches else (),
    )
    engine = Engine(
        facts,
        lambda: Tokenizer.open(folder / "tokenizer.json"),
        lambda: open_backend(folder, manifest, provider="cpu", n_threads=1),
    )
    try:
        yield engine
    finally:
        engine.close()


def _table(ids: NDArray[np.uint64], order: int) -> tuple[NDArray[np.uint64], NDArray[np.uint16]]:
    """Hashed contexts of this order, sorted, and the token after each."""
    windows = np.lib.stride_tricks.sliding_window_view(ids, order)[:-1]
    contexts = _hash(windows)
    by_context = np.argsort(contexts, kind="stable")
    return contexts[by_context], ids[order:][by_context].astype(np.uint16)


def _hash(windows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A polynomial hash of each row [n, order]; the last bit is free, so that a context has a successor."""
    hashes = np.zeros(len(windows), np.uint64)
    with np.errstate(over="ignore"):
        for column in windows.T:
            hashes = (hashes + column + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return hashes & ~np.uint64(1)
