"""Text from a workspace inside Markdown: shown as it is written, with as few backslashes as that needs.

Some editors show the backslashes (Neovim 0.12 among them), so only what a reader of CommonMark or GitHub's tables would
take for markup gets one. Code spans stay: what they hold is text. There is no link, image, HTML or entity of theirs.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Characters that are not seen, or that turn the order of others around: they are shown by their numbers.
_UNSEEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\u3164\ufeff\uffa0\U000e0000-\U000e007f]"
)
_CODE_SPAN = re.compile(r"(?<![`\\])(`{1,2})(?!`)([^`\n]+)\1(?!`)")
# What begins a block at the start of a line: quotes, headings, underlines, rules, the second row of a table.
_BLOCK = re.compile(r"^(?=>|#{1,6}(?:\s|$)|[-=_*|:+][-=_*|:+ \t]*$|~~~)")
# Inside of a line: an escape, the end of a link's or definition's label, a tag or address, an entity, a hard break.
_INLINE = re.compile(r"\\(?=[!-/:-@\[-`{-~]|$)|\](?=[(\[:])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|`")
_RUN = re.compile(r"\*+|_+")
_PLAIN_NAME = re.compile(r"[\w.:-]+")
_IN_LABEL = re.compile(r"[\\`*\[\]<>&~|]|(?<![^\W_])_|_(?![^\W_])")


def visible(text: str) -> str:
    """Text in which unseen and direction-changing characters can be seen."""
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", text)


def escape(text: str) -> str:
    """Text that Markdown shows as it is written, but for code spans and lists."""
    shown = visible(text).replace("\r\n", "\n").replace("\r", "\n")
    code = [match.span() for match in _CODE_SPAN.finditer(shown)]
    places = {*_of_lines(shown), *_of_emphasis(shown, code), *(match.start() for match in _INLINE.finditer(shown))}
    if 1 < shown.count("~"):
        places |= {match.start() for match in re.finditer("~", shown)}
    places |= {at - 1 for at in _line_ends(shown) if shown[at - 1 : at] == "\\"}
    kept = sorted(each for each in places if not any(start <= each < end for start, end in code))
    return _with_backslashes(shown, kept)


def shown_plainly(text: str) -> str:
    """The same for an editor that shows the backslashes: what would need one stands in a block instead."""
    return escape(text) if escape(text) == visible(text) else fenced(text, "")


def label(text: str) -> str:
    """Text between the brackets of a link of ours: a plain name with underscores stands in a code span."""
    if "_" in text and _PLAIN_NAME.fullmatch(text):
        return f"`{text}`"
    return _IN_LABEL.sub(lambda match: f"\\{match.group()}", visible(text).replace("\n", " ").replace("\r", " "))


def fenced(code: str, language_id: str) -> str:
    """`code` as a block that it cannot leave, whatever back-ticks it holds."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language_id}\n{visible(code)}\n{fence}"


def _with_backslashes(text: str, places: list[int]) -> str:
    pieces: list[str] = []
    last = 0
    for place in places:
        pieces += (text[last:place], "\\")
        last = place
    return "".join((*pieces, text[last:]))


def _of_lines(text: str) -> Iterator[int]:
    """The first characters of lines that would begin a block."""
    at = 0
    for line in text.split("\n"):
        content = line.lstrip(" \t")
        if _BLOCK.match(content):
            yield at + len(line) - len(content)
        at += len(line) + 1


def _line_ends(text: str) -> Iterator[int]:
    yield from (match.start() for match in re.finditer(r"\n", text))
    yield len(text)


@dataclass(frozen=True, slots=True)
class _Run:
    """Asterisks or underscores in a row, and what CommonMark lets them do."""

    start: int
    end: int
    opens: bool
    closes: bool


def _of_emphasis(text: str, code: list[tuple[int, int]]) -> Iterator[int]:
    """The characters of runs that could open emphasis which a later run could close."""
    for mark in "*_":
        runs = [_run(match, text) for match in _RUN.finditer(text) if match.group()[0] == mark]
        runs = [each for each in runs if not any(start <= each.start < end for start, end in code)]
        last_close = max((each.start for each in runs if each.closes), default=-1)
        for run in runs:
            if run.opens and run.start < last_close:
                yield from range(run.start, run.end)


def _run(match: re.Match[str], text: str) -> _Run:
    before = text[match.start() - 1] if match.start() else " "
    after = text[match.end()] if match.end() < len(text) else " "
    left = not after.isspace() and (not _is_mark(after) or before.isspace() or _is_mark(before))
    right = not before.isspace() and (not _is_mark(before) or after.isspace() or _is_mark(after))
    if match.group()[0] == "*":
        return _Run(*match.span(), opens=left, closes=right)
    opens = left and (not right or _is_mark(before))
    return _Run(*match.span(), opens=opens, closes=right and (not left or _is_mark(after)))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
