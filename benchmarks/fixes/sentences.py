"""Whether a generated sentence may stand in a hover: the embedded model against the docstrings of held-out packages.

python benchmarks/fixes/sentences.py [BUNDLE] [--functions N]

Each docstring is taken out and written again, as a hover would. *Words* is the F1 of the words it shares with the first
sentence of the author's. The name alone, split into words, is the measure of saying nothing.
"""

import argparse
import ast
import random
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from packages import HELD_OUT, load_package
from record import record

from devstral_ls.cancel import CancelToken
from devstral_ls.context import Sources
from devstral_ls.engine import open_engine, resolve_bundle
from devstral_ls.features.python_tree import Function, parse, span_of
from devstral_ls.features.sentence import write_sentence
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document

GOOD_F1 = 0.5
DEADLINE_MS = 300_000  # how long it takes is not the question here
LEVELS = (-1.25, -1.0, -0.75, -0.5, -0.25)
_WORD = re.compile(r"[a-z]{2,}")
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_EMPTY = frozenset({"the", "an", "of", "to", "is", "and", "in", "for", "or", "this", "that", "it", "be", "if", "as"})


@dataclass(frozen=True, slots=True)
class Case:
    """A function without its docstring, and what its author wrote there."""

    document: Document
    line: int
    name: str
    told: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", default="embedded")
    parser.add_argument("--functions", type=int, default=120)
    options = parser.parse_args()
    cases = drawn(options.functions)
    engine = open_engine(resolve_bundle(options.bundle))
    writer = Writer(engine, Sources(), CancelToken())
    rows: list[tuple[float, float, float]] = []
    for case in cases:
        node = function_at(case)
        written = write_sentence(case.document, node, writer, deadline_ms=DEADLINE_MS)
        name_f1 = f1(" ".join(_PIECE.findall(case.name)), case.told)
        if written is not None:
            rows.append((written[1], f1(written[0], case.told), name_f1))
    engine.close()
    figures = {"bundle": Path(options.bundle).name, "functions": len(cases)}
    figures["by_confidence"] = [at_level(rows, level, len(cases)) for level in LEVELS]
    print(record("hover_sentences", figures).read_text("utf-8"))


def drawn(n: int) -> list[Case]:
    rng = random.Random("sentences")
    found = [case for name, version in HELD_OUT.items() for case in cases_of(load_package(name, version).documents)]
    return rng.sample(found, min(n, len(found)))


def cases_of(documents: Sequence[Document]) -> Iterator[Case]:
    for document in documents:
        tree = parse(document.text)
        for node in ast.walk(tree) if tree else ():
            told = ast.get_docstring(node) if isinstance(node, Function) else None
            if told and isinstance(node, Function) and 1 < len(node.body):
                span = span_of(node.body[0], document.text, document.lines)
                start = document.lines.line_start(document.lines.line_of(span.start))
                end = document.lines.line_start(document.lines.line_of(span.end) + 1)
                text = document.text[:start] + document.text[end:]
                sentence = re.split(r"(?<=[.!?])\s|\n\s*\n", told, maxsplit=1)[0]
                yield Case(replace(document, text=text), node.lineno, node.name, " ".join(sentence.split()))


def function_at(case: Case) -> Function:
    tree = parse(case.document.text)
    assert tree is not None
    return next(
        node
        for node in ast.walk(tree)
        if isinstance(node, Function) and (node.lineno, node.name) == (case.line, case.name)
    )


def f1(a: str, b: str) -> float:
    """Shared words over all words, without those that every sentence has; endings are left out."""
    first, second = words(a), words(b)
    shared = len(first & second)
    return 2 * shared / (len(first) + len(second)) if shared else 0.0


def words(text: str) -> set[str]:
    return {re.sub(r"(ing|ed|es|s|e)$", "", each) for each in _WORD.findall(text.lower()) if each not in _EMPTY}


def at_level(rows: Sequence[tuple[float, float, float]], level: float, n: int) -> dict[str, Any]:
    """Those of which the model is at least so sure: how many, how like the author's, and how like it the name is."""
    kept = [row for row in rows if level <= row[0]]
    return {
        "mean_logprob_at_least": level,
        "shown": round(len(kept) / n, 3),
        "words_f1": round(statistics.fmean(row[1] for row in kept), 3) if kept else None,
        "share_f1_at_least_0.5": round(sum(GOOD_F1 <= row[1] for row in kept) / len(kept), 3) if kept else None,
        "name_alone_words_f1": round(statistics.fmean(row[2] for row in kept), 3) if kept else None,
        "better_than_the_name": round(sum(row[2] < row[1] for row in kept) / len(kept), 3) if kept else None,
    }


if __name__ == "__main__":
    main()
