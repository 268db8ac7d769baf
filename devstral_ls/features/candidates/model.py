"""What the model would write there: in the smallest hole that covers the problem, then in the whole line."""

from collections.abc import Iterator

from devstral_ls.checkers import Topic
from devstral_ls.engine.request import StopRule
from devstral_ls.features.candidates.case import Candidate, Case, replace_one
from devstral_ls.features.endings import LineEnd, NameEnd
from devstral_ls.features.writer import Writer
from devstral_ls.text import Span

_N_BEST = 4
_MAX_NAME_TOKENS, _MAX_LINE_TOKENS = 12, 64
_DEADLINE_MS = 1500
_NAME_TOPICS = frozenset({Topic.NAME, Topic.ATTRIBUTE, Topic.IMPORT, Topic.ARGUMENT_NAME})
_MAX_SHOWN_CHARACTERS = 60
# Behind every candidate that is derived from the text: a model also writes what merely fits.
_BASE_COST = 5.0


def propose(case: Case, writer: Writer) -> Iterator[Candidate]:
    """Before: `total = sun(prices)`. Model: `sum`. After: `total = sum(prices)`."""
    name = case.identifier() if case.topic in _NAME_TOPICS else None
    if name is not None:
        yield from _filled(case, writer, name, _MAX_NAME_TOKENS, NameEnd())
    yield from _filled(case, writer, _line(case), _MAX_LINE_TOKENS, LineEnd())


def _filled(case: Case, writer: Writer, hole: Span, max_tokens: int, stop: StopRule) -> Iterator[Candidate]:
    completions = writer.fill(
        case.document,
        hole,
        max_tokens=max_tokens,
        stop=stop,
        n_best=_N_BEST,
        deadline_ms=_DEADLINE_MS,
    )
    for rank, completion in enumerate(completions):
        written = completion.text.strip()
        shown = written if len(written) <= _MAX_SHOWN_CHARACTERS else f"{written[:_MAX_SHOWN_CHARACTERS]}…"
        title = f"{hole.of(case.text)} → {shown}" if max_tokens == _MAX_NAME_TOKENS else f"write {shown}"
        yield replace_one(hole, written, title, _BASE_COST + 0.1 * rank - completion.mean_logprob, "model")


def _line(case: Case) -> Span:
    """The line of the problem without its indentation."""
    span = case.document.line_span(case.line)
    text = span.of(case.text)
    return Span(span.start + len(text) - len(text.lstrip()), span.end)
