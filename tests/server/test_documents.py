"""The open texts, against an oracle that keeps them as the code units editors count and finds lines by hand."""

from dataclasses import dataclass

import pytest
from editor import URI
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from lsprotocol import types

from devstral_ls.server import documents
from devstral_ls.server.documents import OpenText, Texts
from devstral_ls.text import Buffer, Encoding

TEXT = st.text(alphabet="a\n\r\t\x0b\x0c\x1c\x85\u2028é漢😀", max_size=12)
CODECS = {Encoding.UTF8: ("utf-8", 1), Encoding.UTF16: ("utf-16-le", 2), Encoding.UTF32: ("utf-32-le", 4)}


@dataclass
class Oracle:
    """A text as the units of one encoding; nothing of it is shared with the code under test."""

    encoding: Encoding
    data: bytes
    version: int

    @property
    def text(self) -> str:
        return self.data.decode(CODECS[self.encoding][0])

    def offset(self, line: int, column: int) -> int:
        """The byte at a position, by walking there; columns stop at the line's end, lines at the text's."""
        width = CODECS[self.encoding][1]
        at = 0
        for _ in range(line):
            at = self._after_line(at)
        for _ in range(column):
            if at == len(self.data) or self._unit(at) in "\r\n":
                break
            at += width
        return at

    def splice(self, start: int, end: int, new: str) -> None:
        self.data = self.data[:start] + new.encode(CODECS[self.encoding][0]) + self.data[end:]

    def _after_line(self, at: int) -> int:
        width = CODECS[self.encoding][1]
        while at < len(self.data):
            unit, at = self._unit(at), at + width
            if unit == "\r" and at < len(self.data) and self._unit(at) == "\n":
                return at + width
            if unit in "\r\n":
                return at
        return at

    def _unit(self, at: int) -> str:
        """The unit as a character; any unit above ASCII reads as `?`."""
        value = int.from_bytes(self.data[at : at + CODECS[self.encoding][1]], "little")
        return chr(value) if value < 128 else "?"

    def position_of(self, n_characters: int) -> tuple[int, int]:
        """A position that stands before the given character, so never inside one."""
        before = self.text[:n_characters]
        line_start = max(before.rfind("\n"), before.rfind("\r")) + 1
        n_lines = before.count("\n") + before.count("\r") - before.count("\r\n")
        codec, width = CODECS[self.encoding]
        return n_lines, len(before[line_start:].encode(codec)) // width


class DocumentStore(RuleBasedStateMachine):
    """Opening, typing, replacing, missing messages and closing, in any order and any encoding."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: Texts = {}
        self.oracle: Oracle | None = None
        self.is_lost = False

    @rule(text=TEXT, encoding=st.sampled_from(list(Encoding)), version=st.integers(-3, 3))
    def open(self, text: str, encoding: Encoding, version: int) -> None:
        item = types.TextDocumentItem(uri=URI, language_id="python", version=version, text=text)
        self.texts = documents.opened(self.texts, item)
        self.oracle = Oracle(encoding, text.encode(CODECS[encoding][0]), version)
        self.is_lost = False

    @precondition(lambda self: self.oracle is not None)
    @rule(data=st.data(), n_changes=st.integers(0, 3), step=st.integers(1, 5))
    def change(self, data: st.DataObject, n_changes: int, step: int) -> None:
        oracle = self.oracle
        assert oracle is not None
        oracle.version += step
        changes = [self._draw_change(data, oracle) for _ in range(n_changes)]
        self._apply(oracle.version, changes)

    @precondition(lambda self: self.oracle is not None)
    @rule(text=TEXT)
    def replace(self, text: str) -> None:
        oracle = self.oracle
        assert oracle is not None
        oracle.version += 1
        oracle.data = text.encode(CODECS[oracle.encoding][0])
        self.is_lost = False
        self._apply(oracle.version, [types.TextDocumentContentChangeWholeDocument(text=text)])

    @precondition(lambda self: self.oracle is not None)
    @rule(back=st.integers(0, 2), text=TEXT)
    def miss(self, back: int, text: str) -> None:
        """A message that comes again, or too late."""
        oracle = self.oracle
        assert oracle is not None
        self.is_lost = True
        self._apply(oracle.version - back, [types.TextDocumentContentChangeWholeDocument(text=text)])

    @rule()
    def close(self) -> None:
        self.texts = documents.closed(self.texts, URI)
        self.oracle = None

    @invariant()
    def texts_are_equal(self) -> None:
        text = self.texts.get(URI)
        assert (self.oracle is None) == (text is None)
        if text is None or self.oracle is None:
            return
        assert self.is_lost == text.is_lost
        if not self.is_lost:
            assert (self.oracle.text, self.oracle.version) == (text.buffer.text, text.version)

    def _apply(self, version: int, changes: list[types.TextDocumentContentChangeEvent]) -> None:
        assert self.oracle is not None
        changed = self.texts[URI].changed(version, changes, self.oracle.encoding)
        self.texts = {URI: changed}

    def _draw_change(self, data: st.DataObject, oracle: Oracle) -> types.TextDocumentContentChangeEvent:
        """A change within the text, or with columns and lines past their end; the oracle makes it too."""
        n = len(oracle.text)
        start, end = (oracle.position_of(data.draw(st.integers(0, n))) for _ in range(2))
        if data.draw(st.booleans()):
            end = (end[0] + data.draw(st.integers(0, 3)), end[1] + 1_000)
        new = data.draw(TEXT)
        offsets = sorted((oracle.offset(*start), oracle.offset(*end)))
        oracle.splice(offsets[0], offsets[1], new)
        given = types.Range(types.Position(*start), types.Position(*end))
        return types.TextDocumentContentChangePartial(range=given, text=new)


TestDocumentStore = DocumentStore.TestCase
TestDocumentStore.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize(("encoding", "column"), [(Encoding.UTF16, 2), (Encoding.UTF8, 3)])
def test_a_position_inside_a_character_means_its_start(encoding: Encoding, column: int) -> None:
    """Typing in the middle of an emoji puts the text before it."""
    inside = types.Position(0, column)
    change = types.TextDocumentContentChangePartial(range=types.Range(inside, inside), text="x")
    text = OpenText(URI, "python", 1, Buffer.of("a😀")).changed(2, [change], encoding)
    assert "ax😀" == text.buffer.text


def test_an_old_state_stays_what_it_was() -> None:
    """A snapshot taken before a change still holds the old text."""
    before = OpenText(URI, "python", 1, Buffer.of("old"))
    before.changed(2, [types.TextDocumentContentChangeWholeDocument(text="new")], Encoding.UTF16)
    assert "old" == before.buffer.text


def test_a_position_between_cr_and_lf_means_before_both() -> None:
    """The line's end is before its ending, whichever ending that is."""
    after_cr = types.Position(0, 2)
    change = types.TextDocumentContentChangePartial(range=types.Range(after_cr, after_cr), text="x")
    text = OpenText(URI, "python", 1, Buffer.of("a\r\nb")).changed(2, [change], Encoding.UTF16)
    assert "ax\r\nb" == text.buffer.text
