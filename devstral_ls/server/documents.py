"""The open texts: each message from the editor makes a new state, and an old state stays what it was."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lsprotocol import types

from devstral_ls.server import from_lsp
from devstral_ls.text import Buffer, Document, Encoding

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenText:
    """One text as the editor has it."""

    uri: str
    language_id: str
    version: int
    buffer: Buffer
    is_lost: bool = False  # a change was missed: until the whole text comes again, nothing about it is known

    def document(self, path: str) -> Document:
        """The state as the rooms below see it, under the name `path`."""
        return Document.of_buffer(self.buffer, self.uri, version=self.version, language_id=self.language_id, path=path)

    def changed(
        self, version: int, changes: Sequence[types.TextDocumentContentChangeEvent], encoding: Encoding
    ) -> "OpenText":
        """The state after `changes`, which speak of each other's result in turn.

        A version that does not grow means that messages were lost or reordered: the text is then unknown.
        """
        if version <= self.version:
            return replace(self, is_lost=True)
        state = self
        for change in changes:
            state = state._changed_once(change, encoding)
        return replace(state, version=version)

    def _changed_once(self, change: types.TextDocumentContentChangeEvent, encoding: Encoding) -> "OpenText":
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            return replace(self, buffer=Buffer.of(change.text), is_lost=False)
        return replace(self, buffer=self.buffer.edited(from_lsp.edit(self.buffer, change, encoding)))


Texts = Mapping[str, OpenText]


def opened(texts: Texts, item: types.TextDocumentItem) -> Texts:
    """`texts` with `item` in its newest state; opening a text again replaces it."""
    return {**texts, item.uri: OpenText(item.uri, item.language_id, item.version, Buffer.of(item.text))}


def closed(texts: Texts, uri: str) -> Texts:
    return {each: text for each, text in texts.items() if each != uri}


def changed(
    texts: Texts,
    named: types.VersionedTextDocumentIdentifier,
    changes: Sequence[types.TextDocumentContentChangeEvent],
    encoding: Encoding,
) -> Texts:
    """`texts` after a change of one of them; a change of what is not open is ignored."""
    text = texts.get(named.uri)
    if text is None:
        _LOGGER.warning("ignored a change of %s, which is not open", named.uri)
        return texts
    after = text.changed(named.version, changes, encoding)
    if after.is_lost and not text.is_lost:
        _LOGGER.warning(
            "version %d of %s came after %d; its text is not known now", named.version, named.uri, text.version
        )
    return {**texts, named.uri: after}


def lost(texts: Texts, uri: str) -> Texts:
    """`texts` after a change of one of them could not be read."""
    return {**texts, uri: replace(texts[uri], is_lost=True)} if uri in texts else texts
