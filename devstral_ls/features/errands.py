"""Errands to a remote model: what is said to it about a text, and what its answer is worth.

Only a window of the document at hand leaves, masked; no other file does. A fix from elsewhere is proven by the
same checkers as one from here.
"""

import difflib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Problem
from devstral_ls.context.outgoing import masked, reason_to_stay
from devstral_ls.context.secrets import MASK
from devstral_ls.errors import RemoteError
from devstral_ls.features.candidates import Candidate
from devstral_ls.features.fixes import Fix, Tools
from devstral_ls.features.markdown import visible
from devstral_ls.features.routing import Work
from devstral_ls.features.verification import examine, prove
from devstral_ls.remote.choice import FAMILIES, Remote
from devstral_ls.remote.parcel import Chat, Infill, Parcel, Reply
from devstral_ls.text import Document, Edit, Place, Span

ORIGIN = "remote"
BEFORE_LINES, AFTER_LINES = 80, 40  # of the window around a place
NEAR_LINES = 3  # above and below a problem, that may be rewritten
MAX_FIX_TOKENS, MAX_EXPLANATION_TOKENS = 400, 500
DEADLINE_MS = 45_000
MAX_MESSAGE_CHARACTERS = 400
MAX_EXPLANATION_CHARACTERS = 3_000
# Behind all that was found here.
_COST = 6.0
_FENCED = re.compile(r"```[^\n`]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_LINK = re.compile(r"\]\(")
_TO_FIX = (
    "You repair one problem in a source file. Answer with the corrected lines only, in one fenced block, "
    "with their indentation. Change as little as possible. A value that reads *** is hidden from you: keep it."
)
_TO_EXPLAIN = (
    "You explain code to its reader: what it does, and what to look out for. "
    "Answer in at most six sentences of plain text, without headings. Values that read *** are hidden from you."
)


@dataclass(frozen=True, slots=True)
class Errand:
    """The server that would be asked, a document, the root that it belongs to, and the file that it is."""

    remote: Remote
    document: Document
    root: Path
    file: Path


@dataclass(frozen=True, slots=True)
class _Window:
    """Masked lines around a place; lines count from 0 and `last` is within."""

    lines: tuple[str, ...]
    first: int

    def between(self, first: int, last: int) -> tuple[str, ...]:
        return self.lines[first - self.first : last + 1 - self.first]


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
    language = document.language_id
    message = _message(errand, problem)
    words = [
        f"{_path(errand)}, lines {window.first + 1} to {window.first + len(window.lines)}:",
        _fence(window.lines, language),
        f"Line {document.lines.line_of(problem.span.start) + 1} has a problem: {message}",
        f"Write lines {first + 1} to {last + 1} anew, so that it is gone:",
        _fence(window.between(first, last), language),
    ]
    return _parcel(errand, Chat(_TO_FIX, "\n".join(words)), MAX_FIX_TOKENS, Work.FIX)


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
    words = [
        f"{_path(errand)}, lines {window.first + 1} to {window.first + len(window.lines)}:",
        _fence(window.lines, errand.document.language_id),
        f"Explain line {place.line + 1} and what it is part of:",
        _fence(window.between(place.line, place.line), errand.document.language_id),
    ]
    return _parcel(errand, Chat(_TO_EXPLAIN, "\n".join(words)), MAX_EXPLANATION_TOKENS, Work.EXPLANATION)


def explanation_from(reply: Reply, errand: Errand) -> str:
    """What it says, as plain text that is no link or command of an editor."""
    words = _LINK.sub("] (", visible(reply.text.strip()))[:MAX_EXPLANATION_CHARACTERS]
    if not words:
        raise RemoteError(f"{errand.remote.host} had nothing to say")
    return f"{words}{'' if reply.is_whole else '…'}\n— {errand.remote.host}, not verified"


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


def _window(errand: Errand, line: int) -> _Window | str:
    """The masked lines around `line`, or why they stay here."""
    reason = reason_to_stay(errand.root, errand.file)
    if reason is not None:
        return f"{errand.document.path} stays here: {reason}"
    text = errand.document.text
    hidden = masked(text, errand.document.language_id)
    if hidden is None or len(hidden.split("\n")) != errand.document.lines.n_lines:
        return f"{errand.document.path} stays here: it may hold a private key, or has line endings of its own"
    first = max(0, line - BEFORE_LINES)
    return _Window(tuple(hidden.split("\n")[first : line + AFTER_LINES + 1]), first)


def _near(document: Document, problem: Problem) -> tuple[int, int]:
    """The first and the last line that may be rewritten."""
    lines = document.lines
    first, last = lines.line_of(problem.span.start), lines.line_of(problem.span.end)
    last = min(last, first + AFTER_LINES - NEAR_LINES)
    return max(0, first - NEAR_LINES), min(lines.n_lines - 1, last + NEAR_LINES)


def _hole(window: _Window, line: int, errand: Errand) -> Infill:
    """The problem's line is left out, but not its indentation."""
    own = window.between(line, line)[0]
    indent = own[: len(own) - len(own.lstrip())]
    before = [*window.between(window.first, line - 1), indent]
    after = ["", *window.between(line + 1, window.first + len(window.lines))]
    prefix, suffix = "\n".join(before), "\n".join(after)
    if errand.remote.infill not in FAMILIES:
        return Infill(prefix, suffix)
    from devstral_ls.engine.prompts import as_text  # noqa: PLC0415  numpy and a tokenizer come with it
    from devstral_ls.engine.request import InfillPrompt  # noqa: PLC0415

    return Infill(as_text(errand.remote.infill, InfillPrompt((), _path(errand), suffix, "", prefix)), "")


def _edits(reply: Reply, errand: Errand, problem: Problem) -> Iterator[tuple[Edit, ...]]:
    document = errand.document
    if errand.remote.infill != "none":
        span = document.line_span(document.lines.line_of(problem.span.start))
        text = span.of(document.text)
        written = reply.text.partition("\n")[0].strip()
        if written and MASK not in written:
            yield (Edit(Span(span.start + len(text) - len(text.lstrip()), span.end), written),)
        return
    first, last = _near(document, problem)
    window = _window(errand, first)
    found = _FENCED.search(reply.text)
    if isinstance(window, str) or found is None or not reply.is_whole:
        return
    edits = _line_edits(document, first, window.between(first, last), found[1].split("\n"))
    if edits and not any(MASK in each.new_text for each in edits):
        yield edits


def _line_edits(document: Document, first: int, old: tuple[str, ...], new: list[str]) -> tuple[Edit, ...]:
    """What turns the lines that were sent into those that came back, said of the document's own lines."""
    bare_old = [line.removesuffix("\r") for line in old]
    bare_new = [line.removesuffix("\r") for line in new]
    edits = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, bare_old, bare_new, autojunk=False).get_opcodes():
        if tag != "equal":
            edits.append(_rewritten(document, (first + i1, first + i2), [*bare_new[j1:j2]]))
    return tuple(edits)


def _rewritten(document: Document, old: tuple[int, int], new: list[str]) -> Edit:
    """Whole lines, with their endings, in the place of the lines from `old[0]` up to `old[1]`."""
    lines, ending = document.lines, "\r\n" if "\r\n" in document.text else "\n"
    start, end = (lines.line_start(line) for line in old)
    written = "".join(line + ending for line in new)
    if end == len(document.text) and not document.text.endswith(("\n", "\r")):
        written = written.removesuffix(ending) if old[0] < lines.n_lines else ending + written.removesuffix(ending)
    return Edit(Span(start, end), written)


def _message(errand: Errand, problem: Problem) -> str:
    """What a checker says, without secrets that it quotes and without names of this machine."""
    words = f"{problem.source} {problem.code} {problem.message.splitlines()[0]}".strip()
    for folder, name in ((errand.root, "."), (Path.home(), "~")):
        words = words.replace(str(folder), name)
    return (masked(words, "plaintext") or "")[:MAX_MESSAGE_CHARACTERS]


def _path(errand: Errand) -> str:
    return masked(errand.document.path, "plaintext") or "a file"


def _fence(lines: tuple[str, ...], language_id: str) -> str:
    text = "\n".join(line.removesuffix("\r") for line in lines)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language_id}\n{text}\n{fence}"
