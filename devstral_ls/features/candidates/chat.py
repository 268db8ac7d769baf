"""What a model that follows instructions would write: the statement with the problem, then the function around it."""

from collections.abc import Iterator

from devstral_ls.engine.request import ChatPrompt, FinishReason
from devstral_ls.errors import PromptError
from devstral_ls.features.candidates.case import Candidate, Case
from devstral_ls.features.logical_lines import logical_lines
from devstral_ls.features.python_tree import enclosing, parse
from devstral_ls.features.questions import (
    MAX_FIX_TOKENS,
    NEAR_LINES,
    beside,
    block_in,
    line_edits,
    to_fix,
    window_of,
)
from devstral_ls.features.writer import Writer
from devstral_ls.text import Place

DEADLINE_MS = 45_000  # of one answer
MAX_MESSAGE_CHARACTERS = 400
MAX_LINES = 60  # that may be written anew
# Behind what it fills into holes, which changes less.
_BASE_COST = 12.0


def propose(case: Case, writer: Writer) -> Iterator[Candidate]:
    """Before: `total = sun(prices)`. Model: a block with `total = sum(prices)`. After: the same."""
    document = case.document
    if len(document.text.split("\n")) != document.lines.n_lines:
        return  # its lines would be counted in two ways
    window = window_of(document, document.text, case.line, name=document.path)
    message = f"{case.problem.source} {case.problem.code} {case.problem.message.splitlines()[0]}".strip()
    for rank, (first, last) in enumerate(_regions(case)):
        if first < window.first or window.first + len(window.lines) <= last:
            continue
        question = to_fix(window, case.line, message[:MAX_MESSAGE_CHARACTERS], (first, last))
        place = Place(document, case.problem.span.start)
        others = writer.others(place, question, max_tokens=MAX_FIX_TOKENS, deadline_ms=DEADLINE_MS)
        question = beside(question, others, document.language_id)
        written = _written(question, writer, f"{document.uri}:{first}")
        edits = line_edits(document, first, window.between(first, last), written.split("\n")) if written else ()
        if edits:
            yield Candidate(edits, f"as {writer.name} writes it", _BASE_COST + rank, "model")


def _written(question: ChatPrompt, writer: Writer, key: str) -> str | None:
    """The block of an answer that came to its end."""
    try:
        answer = writer.ask(question, key=key, max_tokens=MAX_FIX_TOKENS, deadline_ms=DEADLINE_MS)
    except PromptError:  # a smaller part of the text may fit
        return None
    return block_in(answer.text) if answer is not None and answer.finish is FinishReason.END else None


def _regions(case: Case) -> Iterator[tuple[int, int]]:
    """The lines of the statement, then those of the function; where neither is known, a few lines around."""
    lines, text = case.document.lines, case.text
    is_python = case.document.language_id == "python"
    statements = logical_lines(text) if is_python else []
    here = case.problem.span.start
    own = next((each for each in statements if each.start <= here <= each.end), None)
    statement = (lines.line_of(own.start), lines.line_of(own.end)) if own else (case.line, case.line)
    yield statement
    tree = parse(text) if is_python else None
    around = enclosing(tree, case.line) if tree else []
    if around and around[-1].end_lineno is not None:
        region = around[-1].lineno - 1, around[-1].end_lineno - 1
    else:
        region = max(0, case.line - NEAR_LINES), min(lines.n_lines - 1, case.line + NEAR_LINES)
    if region != statement and region[1] - region[0] < MAX_LINES:
        yield region
