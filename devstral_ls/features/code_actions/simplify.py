"""Write the statement under the cursor in fewer words with the same meaning, as ruff's rules know it.

Before: `if x: return True` with `else: return False` below.
After: `return bool(x)`.

A model that follows instructions may write a whole function anew. That its meaning stays is proven by nobody, and said.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem, Ruff
from devstral_ls.engine.request import FinishReason
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.code_actions.written import accepted
from devstral_ls.features.fixes import Tools
from devstral_ls.features.python_tree import Function, first_line, function_at, span_of
from devstral_ls.features.questions import MAX_FUNCTION_TOKENS, block_in, line_edits, to_simplify
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Span, apply_edits

KIND = "refactor.rewrite.simplify"
# Simpler forms of the same: conditions, comprehensions, superfluous branches and parentheses.
_RULES = Ruff(rules=("SIM", "C4", "RET505", "PIE", "FURB", "FLY", "UP034", "PLR5501", "PLR1714"))
_MAX_OFFERS = 2
_DEADLINE_MS = 60_000


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:  # noqa: ARG001
    """Where a rule has a simpler form for what the cursor stands on, and only when refactorings are asked for."""
    if asked.document.language_id != "python" or not asked.only:
        return
    node = function_at(asked.document, asked.span.start)
    who = asked.answers or asked.elsewhere
    if who and node is not None:
        start = span_of(node, asked.document.text, asked.document.lines).start
        title = f"Simplify {node.name}: ask {who}"
        yield Offer(action="simplify", kind=KIND, title=title, span=Span(start, start), is_generated=True)
    for problem in _at(asked.document, asked.span)[:_MAX_OFFERS]:
        fix = problem.own_fix
        assert fix is not None
        yield Offer(action="simplify", kind=KIND, title=f"Simplify: {fix.title}", span=problem.span, problem=problem)


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:
    """The edits of the rule, or the model's function, when no checker finds anything new in their result."""
    if offer.problem is None:
        return _written(offer, document, tools, writer) if writer and writer.answers else None
    for problem in _at(document, offer.span):
        if problem.own_fix is not None and offer.problem is not None and problem.identity == offer.problem.identity:
            return accepted(offer, document, tools, [problem.own_fix.edits])
    return None


def lines_of_function(document: Document, offset: int) -> tuple[int, int] | None:
    """The first and the last line of the function that may be written anew."""
    node = function_at(document, offset)
    return None if node is None or node.end_lineno is None else (first_line(node) - 1, node.end_lineno - 1)


def rewritten(offer: Offer, document: Document, tools: Tools, old: Sequence[str], new: str) -> Offer | None:
    """The offer with a function in the place of the lines that were shown, if it has the name, takes the same and
    says less.
    """
    node = function_at(document, offer.span.start)
    if node is None:
        return None
    edits = line_edits(document, first_line(node) - 1, old, new.split("\n"))
    changed = replace(document, text=apply_edits(document.text, edits))
    after = function_at(changed, changed.lines.line_start(node.lineno - 1)) if edits else None
    if after is None or not _says_less(after, node):
        return None
    done = accepted(offer, document, tools, [edits])
    return replace(done, title=f"{done.title}; that its meaning stays is not proven") if done else None


def _written(offer: Offer, document: Document, tools: Tools, writer: Writer) -> Offer | None:
    """A function of the same name and parameters that says less than the old one."""
    lines = lines_of_function(document, offer.span.start)
    if lines is None:
        return None
    first, last = lines
    old = [document.line_text(line) for line in range(first, last + 1)]
    question, key = to_simplify("\n".join(old), document.language_id), f"{document.uri}:{first}"
    answer = writer.ask(question, key=key, max_tokens=MAX_FUNCTION_TOKENS, deadline_ms=_DEADLINE_MS)
    block = block_in(answer.text) if answer is not None and answer.finish is FinishReason.END else None
    return None if block is None else rewritten(offer, document, tools, old, block)


def _says_less(after: Function, before: Function) -> bool:
    """Whether it is called as before and has fewer parts."""
    heads = [_head(each) for each in (after, before)]
    n_after, n_before = (sum(1 for _ in ast.walk(each)) for each in (after, before))
    return heads[0] == heads[1] and n_after < n_before


def _head(node: Function) -> tuple[str, ...]:
    parts = (node.args, *([node.returns] if node.returns else ()), *node.decorator_list)
    return type(node).__name__, node.name, *(ast.dump(each) for each in parts)


def _at(document: Document, span: Span) -> list[Problem]:
    """What could be simpler on the lines of `span`, the smallest first."""
    try:
        found = _RULES.check(document)
    except CheckerFailed:
        return []
    touched = [each for each in found if each.span.start <= span.end and span.start <= each.span.end]
    return sorted((each for each in touched if each.own_fix is not None), key=lambda each: len(each.span))
