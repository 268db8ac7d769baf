"""An immutable snapshot of one text, and a cursor in it."""

from dataclasses import dataclass, field

from devstral_ls.text.buffer import Buffer
from devstral_ls.text.line_index import LineIndex
from devstral_ls.text.spans import Span


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a text. It never changes: a keystroke makes another `Document`."""

    uri: str
    text: str
    version: int = 0
    language_id: str = "python"
    path: str = ""  # how the file is named to the model: relative to its root, with forward slashes
    _lines: LineIndex | None = field(init=False, default=None, repr=False, compare=False)

    @classmethod
    def of_buffer(cls, buffer: Buffer, uri: str, *, version: int, language_id: str, path: str) -> "Document":
        """The document of a text under edit, whose lines are known already."""
        document = cls(uri, buffer.text, version, language_id, path)
        object.__setattr__(document, "_lines", buffer.lines)
        return document

    @property
    def lines(self) -> LineIndex:
        """Where the lines start; found at the first look."""
        if self._lines is None:
            object.__setattr__(self, "_lines", LineIndex.of(self.text))
        assert self._lines is not None
        return self._lines

    def line_span(self, line: int) -> Span:
        """The span of `line` (0-based) without its line ending."""
        return Span(self.lines.line_start(line), self.lines.line_end(line, self.text))

    def line_text(self, line: int) -> str:
        return self.line_span(line).of(self.text)


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor: an offset in one version of a document."""

    document: Document
    offset: int

    def __post_init__(self) -> None:
        assert 0 <= self.offset <= len(self.document.text)

    @property
    def before(self) -> str:
        return self.document.text[: self.offset]

    @property
    def after(self) -> str:
        return self.document.text[self.offset :]

    @property
    def line(self) -> int:
        return self.document.lines.line_of(self.offset)

    @property
    def line_before(self) -> str:
        """The text of the cursor's line to the left of the cursor."""
        return self.document.text[self.document.lines.line_start(self.line) : self.offset]

    @property
    def line_after(self) -> str:
        """The text of the cursor's line to the right of the cursor, without the line ending."""
        return self.document.text[self.offset : self.document.line_span(self.line).end]
