"""Errands to a remote model: what is said to it about a text, and what its answer is worth.

Only a window of the document at hand leaves, masked; no other file does. A fix from elsewhere is proven by the
same checkers as one from here.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem
from devstral_ls.context.outgoing import masked, reason_to_stay
from devstral_ls.context.secrets import MASK
from devstral_ls.engine.request import ChatPrompt, InfillPrompt
from devstral_ls.errors import RemoteError
from devstral_ls.features import refactoring
from devstral_ls.features.candidates import Candidate
from devstral_ls.features.code_actions import Offer, simplify, unit_tests
from devstral_ls.features.code_actions.simplify import lines_of_function
from devstral_ls.features.fixes import Fix, Tools
from devstral_ls.features.questions import (
    AFTER_LINES,
    MAX_CALLS_TOKENS,
    MAX_EXPLANATION_TOKENS,
    MAX_FIX_TOKENS,
    MAX_FUNCTION_TOKENS,
    NEAR_LINES,
    Window,
    as_words,
    block_in,
    line_edits,
    to_call,
    to_explain,
    to_fix,
    to_simplify,
    window_of,
)
from devstral_ls.features.refactoring import MAX_REFACTORING_TOKENS, Shown, to_refactor
from devstral_ls.features.routing import Work
from devstral_ls.features.verification import examine, prove
from devstral_ls.remote.choice import FAMILIES, Remote
from devstral_ls.remote.parcel import Chat, Infill, Parcel, Reply
from devstral_ls.text import Document, Edit, Place, Span

ORIGIN = "remote"
DEADLINE_MS = 45_000
MAX_MESSAGE_CHARACTERS = 400
# Behind all that was found here.
_COST = 6.0


@dataclass(frozen=True, slots=True)
class Errand:
    """The server that would be asked, a document, the root that it belongs to, and the file that it is."""

    remote: Remote
    document: Document
    root: Path
    file: Path


def parcel_for_fix(errand: Errand, problem: Problem) -> Parcel | str:
    """The question about a problem, or why none is asked."""
    document = errand.document
    first, last = _near(document, problem)
    window = _window(errand, first)
    if isinstance(window, str):
        return window
    if errand.remote.infill != "none":
        line = document.lines.line_of(problem.span.start)
        return _parcel(errand, _hole(window, line, errand), MAX_FIX_TOKENS, Work.FIX, stops=("\n",))
    line = document.lines.line_of(problem.span.start)
    return _asked(errand, to_fix(window, line, _message(errand, problem), (first, last)), MAX_FIX_TOKENS, Work.FIX)


def fix_from(reply: Reply, errand: Errand, problem: Problem, tools: Tools, cancel: CancelToken) -> Fix | None:
    """The fix in a reply, if the checkers prove it."""
    start_s = time.monotonic()
    baseline = examine(errand.document, tools.checkers)
    for edits in _edits(reply, errand, problem):
        cancel.raise_if_cancelled()
        proof = prove(baseline, problem, edits)
        if proof.is_proven:
            candidate = Candidate(edits, f"as {errand.remote.host} writes it", _COST, ORIGIN)
            return Fix(candidate, problem, proof, (time.monotonic() - start_s) * 1e3)
    return None


def parcel_for_explanation(errand: Errand, place: Place) -> Parcel | str:
    """The question about a place, or why none is asked."""
    window = _window(errand, place.line)
    if isinstance(window, str):
        return window
    return _asked(errand, to_explain(window, place.line), MAX_EXPLANATION_TOKENS, Work.EXPLANATION)


def explanation_from(reply: Reply, errand: Errand) -> str:
    """What it says, as plain text that is no link or command of an editor."""
    words = as_words(reply.text, errand.remote.host, is_whole=reply.is_whole)
    if not words:
        raise RemoteError(f"{errand.remote.host} had nothing to say")
    return words


def parcel_for_simplification(errand: Errand, offset: int) -> Parcel | str:
    """The question about the function on whose first line `offset` stands, or why none is asked."""
    return _about_function(errand, lines_of_function(errand.document, offset), Work.SIMPLIFICATION)


def simplification_from(reply: Reply, errand: Errand, offer: Offer, tools: Tools) -> Offer | None:
    """The function in a reply, if it takes and is called what the old one is, says less, and no checker objects."""
    document, lines = errand.document, lines_of_function(errand.document, offer.span.start)
    old = _shown_lines(errand, lines) if lines else None
    new = block_in(reply.text) if reply.is_whole else None
    if old is None or isinstance(old, str) or new is None or lines is None:
        return None
    if any(MASK in each.new_text for each in line_edits(document, lines[0], old, new.split("\n"))):
        return None
    theirs = replace(offer, title=f"Simplify: as {errand.remote.host} writes it", is_generated=True)
    return simplify.rewritten(theirs, document, tools, old, new)


def parcel_for_calls(errand: Errand, offset: int) -> Parcel | str:
    """The question what a function may be called with in its test, or why none is asked."""
    return _about_function(errand, unit_tests.source_of(errand.document, offset), Work.TEST)


def test_from(reply: Reply, errand: Errand, offer: Offer, tools: Tools) -> Offer | None:
    """A test of the calls in a reply that were made here, in a copy of the project: what they return is ours."""
    calls = (block_in(reply.text) or "").split("\n")
    done = unit_tests.resolve_with(offer, errand.document, tools, calls)
    return replace(done, title=f"{done.title}; called as {errand.remote.host} would") if done else None


def parcel_for_refactoring(
    errands: Sequence[Errand], instruction: str, objection: str = ""
) -> tuple[Parcel, tuple[Shown, ...]] | str:
    """The question how to change several files of one root, with what is shown of them; or why none is asked."""
    shown: list[Shown] = []
    for errand in errands:
        hidden = _masked_text(errand)
        if not isinstance(hidden, Masked):
            return hidden
        shown.append(Shown(_path(errand), errand.document, hidden.text))
    told = masked(instruction, "plaintext"), masked(objection, "plaintext")
    if told[0] is None or told[1] is None:
        return "what you ask for stays here: it may hold a private key"
    parcel = _asked(errands[0], to_refactor(shown, told[0], told[1]), MAX_REFACTORING_TOKENS, Work.REFACTORING)
    paths = ", ".join(errand.document.path for errand in errands)
    return replace(parcel, document=paths, deadline_ms=refactoring.DEADLINE_MS), tuple(shown)


def _about_function(errand: Errand, lines: tuple[int, int] | None, work: Work) -> Parcel | str:
    if lines is None:
        return "there is no function on that line any more"
    shown = _shown_lines(errand, lines)
    if isinstance(shown, str):
        return shown
    source, language_id = "\n".join(shown), errand.document.language_id
    if work is Work.TEST:
        return _asked(errand, to_call(source, language_id), MAX_CALLS_TOKENS, work)
    return _asked(errand, to_simplify(source, language_id), MAX_FUNCTION_TOKENS, work)


def _asked(errand: Errand, question: ChatPrompt, max_tokens: int, work: Work) -> Parcel:
    return _parcel(errand, Chat(question.system, question.user), max_tokens, work)


def _parcel(
    errand: Errand, content: Chat | Infill, max_tokens: int, work: Work, *, stops: tuple[str, ...] = ()
) -> Parcel:
    return Parcel(
        content=content,
        max_tokens=max_tokens,
        deadline_ms=DEADLINE_MS,
        why=work.value,
        workspace=str(errand.root),
        document=errand.document.path,
        stops=stops,
    )


def _window(errand: Errand, line: int) -> Window | str:
    """The masked lines around `line`, or why they stay here."""
    hidden = _masked_text(errand)
    if not isinstance(hidden, Masked):
        return hidden
    return window_of(errand.document, hidden.text, line, name=_path(errand))


def _shown_lines(errand: Errand, lines: tuple[int, int]) -> list[str] | str:
    """These lines, masked, or why they stay here."""
    hidden = _masked_text(errand)
    if not isinstance(hidden, Masked):
        return hidden
    return hidden.text.split("\n")[lines[0] : lines[1] + 1]


@dataclass(frozen=True, slots=True)
class Masked:
    """A whole text without its secrets, with as many lines."""

    text: str


def _masked_text(errand: Errand) -> Masked | str:
    """What may be shown of a document, or why it stays here."""
    reason = reason_to_stay(errand.root, errand.file)
    if reason is not None:
        return f"{errand.document.path} stays here: {reason}"
    text = errand.document.text
    hidden = masked(text, errand.document.language_id)
    if hidden is None or len(hidden.split("\n")) != errand.document.lines.n_lines:
        return f"{errand.document.path} stays here: it may hold a private key, or has line endings of its own"
    return Masked(hidden)


def _near(document: Document, problem: Problem) -> tuple[int, int]:
    """The first and the last line that may be rewritten."""
    lines = document.lines
    first, last = lines.line_of(problem.span.start), lines.line_of(problem.span.end)
    last = min(last, first + AFTER_LINES - NEAR_LINES)
    return max(0, first - NEAR_LINES), min(lines.n_lines - 1, last + NEAR_LINES)


def _hole(window: Window, line: int, errand: Errand) -> Infill:
    """The problem's line is left out, but not its indentation."""
    own = window.between(line, line)[0]
    indent = own[: len(own) - len(own.lstrip())]
    before = [*window.between(window.first, line - 1), indent]
    after = ["", *window.between(line + 1, window.first + len(window.lines))]
    prefix, suffix = "\n".join(before), "\n".join(after)
    if errand.remote.infill not in FAMILIES:
        return Infill(prefix, suffix)
    from devstral_ls.engine.prompts import as_text  # noqa: PLC0415  numpy and a tokenizer come with it

    return Infill(as_text(errand.remote.infill, InfillPrompt((), _path(errand), suffix, "", prefix)), "")


def _edits(reply: Reply, errand: Errand, problem: Problem) -> Iterator[tuple[Edit, ...]]:
    document = errand.document
    if errand.remote.infill != "none":
        span = document.line_span(document.lines.line_of(problem.span.start))
        text = span.of(document.text)
        filled = reply.text.partition("\n")[0].strip()
        if filled and MASK not in filled:
            yield (Edit(Span(span.start + len(text) - len(text.lstrip()), span.end), filled),)
        return
    first, last = _near(document, problem)
    window = _window(errand, first)
    written = block_in(reply.text) if reply.is_whole else None
    if isinstance(window, str) or written is None:
        return
    edits = line_edits(document, first, window.between(first, last), written.split("\n"))
    if edits and not any(MASK in each.new_text for each in edits):
        yield edits


def _message(errand: Errand, problem: Problem) -> str:
    """What a checker says, without secrets that it quotes and without names of this machine."""
    words = f"{problem.source} {problem.code} {problem.message.splitlines()[0]}".strip()
    for folder, name in ((errand.root, "."), (Path.home(), "~")):
        words = words.replace(str(folder), name)
    return (masked(words, "plaintext") or "")[:MAX_MESSAGE_CHARACTERS]


def _path(errand: Errand) -> str:
    return masked(errand.document.path, "plaintext") or "a file"
