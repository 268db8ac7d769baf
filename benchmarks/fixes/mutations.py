"""Twelve kinds of single mistakes in real code, each checked to be one that ruff or ty sees."""

import ast
import io
import itertools
import random
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from devstral_ls.checkers import Checker, Problem, Topic, compare, topic_of
from devstral_ls.features.python_tree import parse, span_of
from devstral_ls.text import Document, Edit, Span, apply_edits

_Node = TypeVar("_Node", bound=ast.AST)
_MAX_TRIES = 60
_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo",
    "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et",
    "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mistake: the text with it, and what the checkers say first about it."""

    kind: str
    original: Document
    mutated: Document
    problem: Problem


def make_mutations(
    documents: list[Document],
    checkers: tuple[Checker, ...],
    *,
    n_per_kind: int,
    seed: str,
) -> Iterator[Mutation]:
    """Up to `n_per_kind` mutations of each kind, spread over the texts."""
    known = {document.uri: {checker.name: checker.check(document) for checker in checkers} for document in documents}
    streams = [itertools.islice(_of_kind(kind, documents, known, checkers, seed), n_per_kind) for kind in KINDS]
    while streams:  # one of each kind in turn, so that a run that is cut short has them all
        for stream in list(streams):
            mutation = next(stream, None)
            if mutation is None:
                streams.remove(stream)
            else:
                yield mutation


def _of_kind(
    kind: str,
    documents: list[Document],
    known: dict[str, dict[str, list[Problem]]],
    checkers: tuple[Checker, ...],
    seed: str,
) -> Iterator[Mutation]:
    rng = random.Random(f"{seed} {kind}")
    n_misses = 0
    while n_misses < _MAX_TRIES:
        document = rng.choice(documents)
        edits = list(KINDS[kind](document, rng))
        n_misses += 1
        if not edits:
            continue
        edit = rng.choice(edits)
        mutated = replace(document, text=apply_edits(document.text, [edit]))
        problem = first_new(known[document.uri], mutated, edit, checkers)
        if problem is not None:
            n_misses = 0
            yield Mutation(kind, document, mutated, problem)


def first_new(
    known: dict[str, list[Problem]],
    mutated: Document,
    edit: Edit,
    checkers: tuple[Checker, ...],
) -> Problem | None:
    """What a reader would call the mistake: unused things are often only its shadow."""
    new = [
        problem for checker in checkers for problem in compare(known[checker.name], checker.check(mutated), [edit]).new
    ]
    return min(new, key=lambda problem: topic_of(problem) is Topic.UNUSED, default=None)


def _slip(name: str, rng: random.Random) -> str:
    """One slip of the keyboard: two letters swapped, one left out, doubled, or hit beside."""
    at = rng.randrange(1, len(name))
    match rng.randrange(4):
        case 0 if at + 1 < len(name) and name[at] != name[at + 1]:
            return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        case 1:
            return name[:at] + name[at + 1 :]
        case 2:
            return name[:at] + name[at] + name[at:]
        case _:
            beside = rng.choice(_NEIGHBOURS.get(name[at].lower(), "x"))
            return name[:at] + beside + name[at + 1 :]


def _nodes(document: Document, kind: type[_Node]) -> list[_Node]:
    tree = parse(document.text)
    return [node for node in ast.walk(tree) if isinstance(node, kind)] if tree else []


def misspelt_name(document: Document, rng: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.Name):
        if isinstance(node.ctx, ast.Load) and 4 <= len(node.id):
            yield Edit(span_of(node, document.text, document.lines), _slip(node.id, rng))


def missing_import(document: Document, _: random.Random) -> Iterator[Edit]:
    tree = parse(document.text)
    for node in tree.body if tree else []:
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno == node.end_lineno:
            line = document.lines.line_of(span_of(node, document.text, document.lines).start)
            names = [alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names]
            if len(names) == 1 and names[0] != "annotations":
                yield Edit(Span(document.lines.line_start(line), document.lines.line_start(line + 1)), "")
            for name in names if isinstance(node, ast.ImportFrom) and 1 < len(names) else []:
                head = document.line_text(line).split(" import ")[0]
                rest = ", ".join(each for each in names if each != name)
                yield Edit(document.line_span(line), f"{head} import {rest}")


def wrong_attribute(document: Document, rng: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.Attribute):
        if isinstance(node.ctx, ast.Load) and 4 <= len(node.attr):
            end = span_of(node, document.text, document.lines).end
            yield Edit(Span(end - len(node.attr), end), _slip(node.attr, rng))


def wrong_argument_name(document: Document, rng: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.keyword):
        if node.arg is not None and 3 <= len(node.arg):
            start = span_of(node, document.text, document.lines).start
            yield Edit(Span(start, start + len(node.arg)), _slip(node.arg, rng))


def missing_argument(document: Document, rng: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.Call):
        spans = [span_of(each, document.text, document.lines) for each in (*node.args, *node.keywords)]
        if spans:
            at = rng.randrange(len(spans))
            if 0 < at:
                yield Edit(Span(spans[at - 1].end, spans[at].end), "")
            else:
                yield Edit(Span(spans[0].start, spans[1].start if 1 < len(spans) else spans[0].end), "")


def deleted_punctuation(document: Document, _: random.Random) -> Iterator[Edit]:
    for token in tokenize.generate_tokens(io.StringIO(document.text).readline):
        if token.type == tokenize.OP and token.string in "()[]{}:":
            start = document.lines.line_start(token.start[0] - 1) + token.start[1]
            yield Edit(Span(start, start + 1), "")


def wrong_indentation(document: Document, rng: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.stmt):
        start = document.lines.line_start(node.lineno - 1)
        indent = document.text[start:].split("\n", 1)[0]
        n_blanks = len(indent) - len(indent.lstrip(" "))
        if 0 < n_blanks and node.lineno == node.end_lineno:
            other = rng.choice([each for each in (n_blanks - 4, n_blanks - 1, n_blanks + 1, n_blanks + 4) if 0 <= each])
            yield Edit(Span(start, start + n_blanks), " " * other)


def undefined_after_rename(document: Document, rng: random.Random) -> Iterator[Edit]:
    for function in _nodes(document, ast.FunctionDef):
        stores = [node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        for node in stores:
            if 3 <= len(node.id) and sum(other.id == node.id for other in stores) == 1:
                new_name = rng.choice([f"{node.id}s", f"{node.id}_", f"_{node.id}", f"new_{node.id}"])
                yield Edit(span_of(node, document.text, document.lines), new_name)


def unused(document: Document, rng: random.Random) -> Iterator[Edit]:
    for function in _nodes(document, ast.FunctionDef):
        last = function.body[-1]
        start = document.lines.line_start(last.lineno - 1)
        indent = " " * last.col_offset
        name = rng.choice(["result", "value", "count", "found"])
        if document.text[start:].startswith(indent) and "\n" in document.text[:start]:
            line = rng.choice([f"{name}_{last.lineno} = None", f"import {rng.choice(['json', 'string', 'heapq'])}"])
            yield Edit(Span(start, start), f"{indent}{line}\n")


def missing_return(document: Document, _: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.Return):
        if node.value is not None:
            start = span_of(node, document.text, document.lines).start
            yield Edit(Span(start, span_of(node.value, document.text, document.lines).start), "")


def missing_await(document: Document, _: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.Await):
        start = span_of(node, document.text, document.lines).start
        yield Edit(Span(start, span_of(node.value, document.text, document.lines).start), "")


def wrong_type(document: Document, _: random.Random) -> Iterator[Edit]:
    for node in _nodes(document, ast.Constant):
        span = span_of(node, document.text, document.lines)
        if isinstance(node.value, bool | int):
            yield Edit(span, f'"{node.value}"')
        elif isinstance(node.value, str) and node.value.isascii() and span.of(document.text)[:1] in "'\"":
            yield Edit(span, f"b{span.of(document.text)}")


KINDS: dict[str, Callable[[Document, random.Random], Iterator[Edit]]] = {
    each.__name__: each
    for each in (
        misspelt_name,
        missing_import,
        wrong_attribute,
        wrong_argument_name,
        missing_argument,
        deleted_punctuation,
        wrong_indentation,
        undefined_after_rename,
        unused,
        missing_return,
        missing_await,
        wrong_type,
    )
}
