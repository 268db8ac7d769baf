"""How much of a symbol is shown: its signature, the first line of its documentation, its body, a place that uses it.

What is more than a signature is cut out of the text as it stands, and is shown only for as long as it stands there.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from textwrap import dedent

from devstral_ls.context.outline import Kind, Outline

MAX_BODY_LINES = 60  # a longer one is left out whole: half a body is not what the author wrote
MAX_USAGE_LINES = 6
# To weigh what has not been read yet.
TOKENS_A_LINE = 10
USAGE_TOKENS = 40
_COMMENTS = ("#", "//", "/*", "*", ">>>")
_OPEN, _CLOSED = "([{", ")]}"


class Tier(StrEnum):
    """The forms in which a symbol may be shown, the shortest first."""

    SIGNATURE = "signature"
    DOC = "doc line"
    BODY = "body"
    USAGE = "usage example"


@dataclass(frozen=True, slots=True)
class Usage:
    """Lines of another text that call a symbol, as they stand there."""

    path: str
    first_line: int  # 0-based
    text: str
    outline: Outline  # of the text that they stand in


@dataclass(frozen=True, slots=True)
class Detail:
    """What of one symbol is shown."""

    tier: Tier = Tier.SIGNATURE
    body: str = ""  # its lines in its text, where they are shown
    usage: Usage | None = None

    @property
    def tiers(self) -> tuple[Tier, ...]:
        return (self.tier,) if self.usage is None else (self.tier, Tier.USAGE)


PLAIN = Detail()


@dataclass(frozen=True, slots=True)
class Worth:
    """What more of a symbol is worth, as a share of the worth of its signature."""

    doc: float
    body: float
    usage: float


# Who is to repair or to explain needs to know what the likely ones do more than the names of the unlikely ones.
READING = Worth(doc=0.5, body=0.8, usage=0.4)
# Less than any signature: only room that would stay empty.
LEFT_OVER = Worth(doc=0.004, body=0.003, usage=0.002)


@dataclass(frozen=True, slots=True)
class Reader:
    """Where more than signatures comes from, and what it is worth."""

    worth: Worth
    text_of: Callable[[str, Outline], str | None]  # the text at a path, if it is still the one that has this outline
    users_of: Callable[[str, Outline, int], Iterable[tuple[str, Outline]]]  # the texts that call a symbol, best first


def has_doc(outline: Outline, index: int) -> bool:
    """Whether a line of documentation can be shown below a symbol."""
    doc = outline.symbols[index].doc
    return bool(doc) and '"""' not in doc and not doc.endswith("\\")


def has_body(outline: Outline, index: int) -> bool:
    """Whether more stands in the text of a symbol than in its signature; of classes the members are shown."""
    symbol = outline.symbols[index]
    is_cut = symbol.kind == Kind.FUNCTION or symbol.signature.endswith("= ...")
    return is_cut and 0 < symbol.last_line - symbol.first_line < MAX_BODY_LINES


def body_of(outline: Outline, index: int, text: str) -> str:
    """The lines of a symbol as they stand in `text`."""
    symbol = outline.symbols[index]
    return _lines(text, symbol.first_line, symbol.last_line + 1)


def usage_in(text: str, name: str, *, is_member: bool) -> tuple[int, str] | None:
    """The first statement of `text` that calls what is called `name`: its line, and the lines as they stand there."""
    before = r"\." if is_member else r"(?<![\w.])"
    call = re.compile(rf"{before}{re.escape(name)}\s*\(")
    defines = re.compile(rf"\b(?:def|class|function|func|fn)\s+{re.escape(name)}\b")
    for match in call.finditer(text):
        line = text.count("\n", 0, match.start())
        start = text.rfind("\n", 0, match.start()) + 1
        first = text[start:].split("\n", 1)[0]
        if first.lstrip().startswith(_COMMENTS) or defines.search(first):
            continue
        found = _statement(text, start)
        if found is not None:
            return line, found
    return None


def _statement(text: str, start: int) -> str | None:
    """The lines from `start` on until all brackets are closed; None for more than a few, or where it began earlier."""
    lines = text[start:].split("\n", MAX_USAGE_LINES)[:MAX_USAGE_LINES]
    depth = 0
    for number, line in enumerate(lines):
        for character in line:
            depth += (character in _OPEN) - (character in _CLOSED)
            if depth < 0:
                return None
        if depth == 0:
            return "\n".join(lines[: number + 1])
    return None


def is_still_there(detail: Detail, heading: tuple[str, ...], now: Outline, text: str | None) -> bool:
    """Whether the body that is shown is that of the symbol in `text`, the outline of which is `now`."""
    if detail.tier is not Tier.BODY:
        return True
    index = now.by_heading.get(heading)
    return text is not None and index is not None and body_of(now, index, text) == detail.body


def without_indent(lines: str) -> str:
    """Lines moved to the left as far as they go together."""
    return dedent(lines).rstrip()


def _lines(text: str, first: int, end: int) -> str:
    return "\n".join(line.removesuffix("\r") for line in text.split("\n", end)[first:end])
