"""What a model that follows instructions is told, here or elsewhere, and the edits in its answer."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devstral_ls.context import Piece
from devstral_ls.engine.request import ChatPrompt
from devstral_ls.features.markdown import visible
from devstral_ls.text import Document, Edit, Span

BEFORE_LINES, AFTER_LINES = 80, 40  # of the window around a place
NEAR_LINES = 3  # above and below a problem, that may be rewritten
MAX_FIX_TOKENS, MAX_EXPLANATION_TOKENS, MAX_CALLS_TOKENS, MAX_FUNCTION_TOKENS = 400, 500, 300, 800
MAX_EXPLANATION_CHARACTERS = 3_000
_LINK = re.compile(r"\]\(")
_FENCED = re.compile(r"```[^\n`]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_TO_FIX = (
    "You repair one problem in a source file. Answer with the corrected lines only, in one fenced block, "
    "with their indentation. Change as little as possible. A value that reads *** is hidden from you: keep it."
)
_TO_EXPLAIN = (
    "You explain code to its reader: what it does, and what to look out for. "
    "Answer in at most six sentences of plain text, without headings. Values that read *** are hidden from you."
)
_TO_SUM_UP = (
    "You say what a function does, in one sentence of at most twenty words that begins with a verb. "
    "Answer with the sentence only."
)
_TO_SIMPLIFY = (
    "You write functions in fewer and clearer words. Behaviour, name and parameters stay exactly as they are. "
    "Answer with the whole function only, in one fenced block, with its indentation."
)

_TO_CALL = (
    "You choose inputs for tests of a function: usual ones, and those at its limits. "
    "Answer with at most six calls of it, one a line, in one fenced block. Give literals only; expect nothing."
)


@dataclass(frozen=True, slots=True)
class Window:
    """Lines of a text around a place, as they are shown; they count from 0, and the last of a range is within."""

    name: str
    language_id: str
    lines: tuple[str, ...]
    first: int

    def between(self, first: int, last: int) -> tuple[str, ...]:
        return self.lines[first - self.first : last + 1 - self.first]

    def shown(self) -> str:
        last = self.first + len(self.lines)
        return f"{self.name}, lines {self.first + 1} to {last}:\n{fence(self.lines, self.language_id)}"


def window_of(document: Document, text: str, line: int, *, name: str) -> Window:
    """The lines of `text` around `line`; it is the document's own, or as many lines that hide something."""
    first = max(0, line - BEFORE_LINES)
    return Window(name, document.language_id, tuple(text.split("\n")[first : line + AFTER_LINES + 1]), first)


def to_fix(window: Window, line: int, message: str, near: tuple[int, int]) -> ChatPrompt:
    """About a problem on `line`; the lines from `near[0]` to `near[1]` are to be written anew."""
    first, last = near
    words = [
        window.shown(),
        f"Line {line + 1} has a problem: {message}",
        f"Write lines {first + 1} to {last + 1} anew, so that it is gone:",
        fence(window.between(first, last), window.language_id),
    ]
    return ChatPrompt(_TO_FIX, "\n".join(words))


def to_explain(window: Window, line: int) -> ChatPrompt:
    words = [
        window.shown(),
        f"Explain line {line + 1} and what it is part of:",
        fence(window.between(line, line), window.language_id),
    ]
    return ChatPrompt(_TO_EXPLAIN, "\n".join(words))


def beside(question: ChatPrompt, others: Sequence[Piece], language_id: str) -> ChatPrompt:
    """The question behind what other files say; what stands there is shown in part."""
    if not others:
        return question
    shown = (f"{each.path}, in part:\n{fence(each.text.split(chr(10)), language_id)}" for each in others)
    return replace(question, user="\n".join([*shown, question.user]))


def to_sum_up(source: str, language_id: str) -> ChatPrompt:
    return ChatPrompt(_TO_SUM_UP, fence(source.split("\n"), language_id))


def to_simplify(source: str, language_id: str) -> ChatPrompt:
    return ChatPrompt(_TO_SIMPLIFY, fence(source.split("\n"), language_id))


def to_call(source: str, language_id: str) -> ChatPrompt:
    return ChatPrompt(_TO_CALL, fence(source.split("\n"), language_id))


def block_in(answer: str) -> str | None:
    """What stands in the first fenced block of an answer."""
    found = _FENCED.search(answer)
    return None if found is None else found[1]


def as_words(answer: str, author: str, *, is_whole: bool) -> str:
    """An answer as plain text that is no link or command of an editor; empty where nothing was said."""
    words = _LINK.sub("] (", visible(answer.strip()))[:MAX_EXPLANATION_CHARACTERS]
    return f"{words}{'' if is_whole else '…'}\n— {author}, not verified" if words else ""


def line_edits(document: Document, first: int, old: Sequence[str], new: Sequence[str]) -> tuple[Edit, ...]:
    """What turns the lines that were shown into those that came back, said of the document's own lines."""
    bare_old = [line.removesuffix("\r") for line in old]
    bare_new = [line.removesuffix("\r") for line in new]
    edits = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, bare_old, bare_new, autojunk=False).get_opcodes():
        if tag != "equal":
            edits.append(_rewritten(document, (first + i1, first + i2), [*bare_new[j1:j2]]))
    return tuple(edits)


def fence(lines: Sequence[str], language_id: str) -> str:
    text = "\n".join(line.removesuffix("\r") for line in lines)
    marks = "```"
    while marks in text:
        marks += "`"
    return f"{marks}{language_id}\n{text}\n{marks}"


def _rewritten(document: Document, old: tuple[int, int], new: list[str]) -> Edit:
    """Whole lines, with their endings, in the place of the lines from `old[0]` up to `old[1]`."""
    lines, ending = document.lines, "\r\n" if "\r\n" in document.text else "\n"
    start, end = (lines.line_start(line) for line in old)
    written = "".join(line + ending for line in new)
    if end == len(document.text) and not document.text.endswith(("\n", "\r")):
        written = written.removesuffix(ending) if old[0] < lines.n_lines else ending + written.removesuffix(ending)
    return Edit(Span(start, end), written)
