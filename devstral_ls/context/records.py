"""Everything that is derived from the content of one file alone, and its form in the store."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from sys import intern

from devstral_ls.context.names import IDENTIFIER
from devstral_ls.context.outline import Import, Kind, Outline, Symbol

FORMAT_VERSION = 1
MAX_NAMES = 20_000


@dataclass(frozen=True)  # no slots: its form in the store is cached in it
class Record:
    """What one text defines, imports and names."""

    outline: Outline
    names: Mapping[str, int]  # each identifier of the text and how often it occurs

    @cached_property
    def outline_json(self) -> bytes:
        """The outline alone, as the columns keep it."""
        outline = self.outline
        # Written out by field: `astuple` copies deeply and takes a third of the time of indexing.
        symbols = [
            (s.name, s.kind, s.parent, s.signature, s.doc, s.bases, s.first_line, s.last_line) for s in outline.symbols
        ]
        imports = [(each.module, each.name, each.alias, each.line) for each in outline.imports]
        return _to_json([outline.language_id, symbols, imports])

    def as_bytes(self) -> bytes:
        return self.outline_json + b"\n" + _to_json(self.names)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Record":
        outline_json, _, names = content.partition(b"\n")
        # Interned: most names occur in many files, and all records are in memory while an index is built.
        record = cls(outline_from_json(outline_json), {intern(name): n for name, n in json.loads(names).items()})
        record.__dict__["outline_json"] = outline_json  # what was read need not be written again
        return record


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file of the workspace as the index sees it."""

    path: str
    record: Record

    @property
    def outline(self) -> Outline:
        return self.record.outline


def outline_from_json(content: bytes) -> Outline:
    language_id, symbols, imports = json.loads(content)
    return Outline(
        language_id,
        tuple(
            Symbol(name, Kind(kind), parent, signature, doc, tuple(bases), first, last)
            for name, kind, parent, signature, doc, bases, first, last in symbols
        ),
        tuple(Import(*row) for row in imports),
    )


def _to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def read_record(text: str, language_id: str) -> Record:
    """Read a text once for everything that the index wants of it."""
    from devstral_ls.context.syntax import read_outline  # noqa: PLC0415  tree-sitter loads after start-up

    return Record(read_outline(text, language_id), count_names(text))


def count_names(text: str) -> dict[str, int]:
    """How often each identifier occurs, one-letter ones left out."""
    counted = Counter(IDENTIFIER.findall(text))
    return {name: n for name, n in counted.most_common(MAX_NAMES) if 1 < len(name)}
