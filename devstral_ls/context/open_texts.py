"""What open documents define, read again only where they changed: a keystroke must not cost the whole text."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from devstral_ls.context.names import IDENTIFIER
from devstral_ls.context.nesting import n_common, n_common_at_end
from devstral_ls.context.records import MAX_NAMES, Record, SourceText, count_names
from devstral_ls.context.secrets import mask_secrets, may_span_lines
from devstral_ls.text import Document

if TYPE_CHECKING:  # tree-sitter loads after start-up
    from devstral_ls.context.syntax import Parsed

MAX_REMEMBERED_DOCUMENTS = 64
MAX_REMEMBERED_VERSIONS = 3  # of one document: what is typed, and what is thought of ahead

_Remembered = TypeVar("_Remembered")


@dataclass(frozen=True, slots=True)
class _Version:
    """A text as it was read last."""

    text: str
    is_masked: bool  # whether it held secrets, which are not shown
    parsed: "Parsed"
    names: dict[str, int]


_Key = tuple[str, str]  # a URI and a language

_last: OrderedDict[_Key, _Version] = OrderedDict()
_read: OrderedDict[_Key, tuple[tuple[Document, SourceText], ...]] = OrderedDict()  # the newest version first


def read_document(document: Document) -> SourceText:
    """What an open document defines."""
    key = (document.uri, document.language_id)
    known = _read.get(key, ())
    found = next((source for version, source in known if version == document), None)
    if found is None:
        version = _next_version(_last.get(key), document.text, document.language_id)
        found = SourceText(document.path, Record(version.parsed.outline, version.names))
        _remember(_last, key, version)
        _remember(_read, key, ((document, found), *known[: MAX_REMEMBERED_VERSIONS - 1]))
    return found


def _remember(memory: OrderedDict[_Key, _Remembered], key: _Key, value: _Remembered) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if MAX_REMEMBERED_DOCUMENTS < len(memory):
        memory.popitem(last=False)


def _next_version(old: _Version | None, text: str, language_id: str) -> _Version:
    if old is None or old.is_masked or MAX_NAMES <= len(old.names) or may_span_lines(text):
        return _first_version(text, language_id)
    start, old_end, new_end = _changed_lines(old.text, text)
    lines = text[start:new_end]
    if mask_secrets(lines) != lines:
        return _first_version(text, language_id)
    from devstral_ls.context.syntax import parse_again  # noqa: PLC0415  tree-sitter loads after start-up

    names = _recounted(old.names, old.text[start:old_end], lines)
    return _Version(text, is_masked=False, parsed=parse_again(old.parsed, text), names=names)


def _first_version(text: str, language_id: str) -> _Version:
    from devstral_ls.context.syntax import parse  # noqa: PLC0415  tree-sitter loads after start-up

    shown = mask_secrets(text)
    return _Version(text, is_masked=shown != text, parsed=parse(shown, language_id), names=count_names(shown))


def _changed_lines(old: str, new: str) -> tuple[int, int, int]:
    """Whole lines around all that differs: `old[start:old_end]` became `new[start:new_end]`."""
    shorter = min(len(old), len(new))
    n_before = n_common(old, new, shorter)
    n_after = n_common_at_end(old, new, shorter - n_before)
    start = new.rfind("\n", 0, n_before) + 1
    line_end = new.find("\n", len(new) - n_after)
    n_kept = 0 if line_end < 0 else len(new) - line_end
    return start, len(old) - n_kept, len(new) - n_kept


def _recounted(names: dict[str, int], old_lines: str, new_lines: str) -> dict[str, int]:
    counted = dict(names)
    for name, n in count_names(new_lines).items():
        counted[name] = counted.get(name, 0) + n
    for name in IDENTIFIER.findall(old_lines):
        if 1 < len(name):
            counted[name] -= 1
            if not counted[name]:
                del counted[name]
    return counted
