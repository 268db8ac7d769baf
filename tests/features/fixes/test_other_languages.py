"""Fixes in languages that only a grammar judges: before, at `$0`, and after."""

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem
from devstral_ls.features.fixes import Fix, Tools, find_fix
from devstral_ls.features.grammar import grammar
from devstral_ls.features.verification import examine
from devstral_ls.text import Document, Span, apply_edits

pytest.importorskip("tree_sitter_javascript")
TOOLS = Tools(checkers=(grammar(),), deadline_ms=20_000)

CASES = {
    "open list": ("javascript", "function f(a) {\n  return [a, 1$0;\n}\n", "return [a, 1];"),
    "open condition": ("javascript", "if (a$0 {\n  b();\n}\n", "if (a) {"),
    "surplus bracket": ("javascript", "const y = g(1)$0);\n", "const y = g(1);"),
    "open object": ("typescript", "const o: O = {a: 1, b: f(2)$0;\n", "{a: 1, b: f(2)};"),
    "semicolon in Rust": ("rust", "fn main() {\n    let x = 1$0\n    f(x);\n}\n", "let x = 1;"),
    "semicolon in C": ("c", "int f(int a) {\n  return a$0\n}\n", "return a;"),
    "bracket in Go": ("go", "package a\n\nfunc f(x int) int {\n\treturn g(x$0\n}\n", "return g(x)"),
}


def fix_at(language_id: str, before: str) -> tuple[Document, Fix | None]:
    document = Document("file:///a", before.replace("$0", ""), language_id=language_id, path="a")
    problems = examine(document, TOOLS.checkers).problems
    assert problems, "the grammar sees nothing"
    at = before.index("$0")
    problem = min(problems, key=lambda each: abs(each.span.start - at))
    return document, find_fix(document, problem, TOOLS, CancelToken())


@pytest.mark.parametrize(("language_id", "before", "shown"), CASES.values(), ids=CASES)
def test_a_slip_is_fixed(language_id: str, before: str, shown: str) -> None:
    """The grammar says what is missing, or takes the one bracket that makes the text whole."""
    document, fix = fix_at(language_id, before)
    assert fix is not None
    assert shown in apply_edits(document.text, fix.edits)
    assert fix.title.split("verified by ", 1)[1].startswith("the grammar, ")


def test_what_the_grammar_cannot_judge_is_not_proven() -> None:
    """A name that TypeScript misses is not seen by a grammar, so nothing about it is claimed."""
    document = Document("file:///a.ts", "const total = 1;\nf(totl);\n", language_id="typescript", path="a.ts")
    problem = Problem("ts", "2304", "Cannot find name 'totl'.", Span(19, 23))
    assert find_fix(document, problem, TOOLS, CancelToken()) is None


def test_ruff_does_not_vouch_for_other_languages() -> None:
    """A checker that does not know a language is not named as a judge."""
    document = Document("file:///a.js", "f(1;\n", language_id="javascript", path="a.js")
    assert ["the grammar"] == [each.checker.name for each in examine(document, TOOLS.checkers).findings]


BLOCKS = {
    "end of a block": ("javascript", "function f(a) {\n  if (a) {\n    g();\n  \n  h();$0\n}\n", "    g();\n  }\n"),
    "end of the outer one": ("javascript", "f = function () {\n  if (a) {\n    g();\n  \n};\nh$0();\n", "  }\n};\n"),
    "start of a block": ("typescript", "function f(a: T): U \n  return g(a);\n}$0\n", "function f(a: T): U {\n"),
    "words that ran together": ("javascript", "call(a);\nnext(b);\nx = callnext)$0;\n", "x = call(next);"),
}


@pytest.mark.parametrize(("language_id", "before", "shown"), BLOCKS.values(), ids=BLOCKS)
def test_the_indentation_shows_where_a_bracket_was(language_id: str, before: str, shown: str) -> None:
    """The grammar gives up far below; what was meant stands where the indentation changes."""
    document, fix = fix_at(language_id, before)
    assert fix is not None
    assert shown in apply_edits(document.text, fix.edits)
