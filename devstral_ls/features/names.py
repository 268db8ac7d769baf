"""Whether the names that a completion uses are known where it would stand; small models like to invent some."""

import builtins
import keyword
import re

from devstral_ls.context.subjects import code_only
from devstral_ls.features.nesting import last_top_level
from devstral_ls.text import Place

_FREE_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")
_WORD = re.compile(r"[^\W\d]\w*")
# A name in front of `=` is bound, or a keyword of a call; behind these words stand new names.
_BOUND = re.compile(
    r"(\w+)\s*:?=(?!=)|\b(?:for|as|class|import|lambda|global|nonlocal|case)\b([^:=\n]*)|\bdef\b([^\n]*)"
)
_MODULE_LINE = re.compile(r"(?m)^[^\W\d@][^\n]*")
_IMPORT = re.compile(r"(?m)^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(?:\(([^)]*)\)|([^\n]*))")
_ALWAYS = frozenset({*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "__name__", "__file__", "__doc__"})


def has_unknown_name(place: Place, text: str) -> bool:
    """Whether Python code `text` at `place` uses a name that nothing above it, no import and no builtin binds.

    Names of other functions do not count, names at the margin of the module do, wherever they stand.
    """
    known = known_names(place)
    if known is None:
        return False
    return not _used(place.line_before, text) <= known | bound_names(place.line_before + text)


def known_names(place: Place) -> frozenset[str] | None:
    """The free-standing names that may be used at `place`, or None where that cannot be told."""
    document = place.document
    if document.language_id != "python":
        return None
    imported = [" ".join(found) for found in _IMPORT.findall(document.text)]
    if any("*" in names for names in imported):
        return None
    scope = place.before[last_top_level(place.before) :]
    return _ALWAYS | _words(*imported, *_MODULE_LINE.findall(document.text), scope)


def bound_names(text: str) -> set[str]:
    """What a text binds itself, and what may be a keyword of a call."""
    return _words(_bound(text))


def _used(typed: str, text: str) -> set[str]:
    """The free-standing names that end in `text`; the first may begin in what is typed."""
    code = code_only(typed + text)
    return {match.group() for match in _FREE_WORD.finditer(code) if len(typed) < match.end()}


def _bound(text: str) -> str:
    """What `text` binds itself, and what may be a keyword of a call."""
    return " ".join(part for groups in _BOUND.findall(text) for part in groups)


def _words(*texts: str) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text)}
