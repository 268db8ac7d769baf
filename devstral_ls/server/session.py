"""What the server knows of one editor. Only the event loop changes it; requests get a snapshot."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lsprotocol import types

from devstral_ls.config import USER_SCOPE, Settings
from devstral_ls.features.memory import SentenceMemory, SuggestionMemory
from devstral_ls.recordings import Recorder
from devstral_ls.server import documents, from_lsp, notebooks, workspace
from devstral_ls.server.ahead import Ahead
from devstral_ls.server.capabilities import NOT_OURS, Client, client_of, offers_items
from devstral_ls.server.checking import Checking
from devstral_ls.server.documents import Texts
from devstral_ls.server.feedback import Feedback
from devstral_ls.server.freshness import Freshness
from devstral_ls.server.notebooks import Notebooks, cells_around
from devstral_ls.server.outside import Outside
from devstral_ls.server.publisher import Publisher
from devstral_ls.server.status import READY, Status
from devstral_ls.server.views import View, in_notebook
from devstral_ls.server.warming import Warming, likely
from devstral_ls.text import Document, Place

if TYPE_CHECKING:  # heavy rooms are imported when the first request or the loading thread needs them
    from devstral_ls.context import Sources, Workspace
    from devstral_ls.context.index import Watcher
    from devstral_ls.engine.face import Engine

_LOGGER = logging.getLogger(__name__)

SECTION = "devstral"  # where editors keep our settings among their own

LoadEngine = Callable[["Session"], Coroutine[None, None, "Engine"]]


class NoPlace(StrEnum):
    """Why a position in a request points at nothing."""

    NOT_OPEN = "the document is not open"
    LOST = "a change of the document was missed; close and open it"
    OUTSIDE = "the position lies outside the document"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The session as it was when a message arrived."""

    texts: Texts
    notebooks: Notebooks
    client: Client
    settings: Settings
    roots: tuple[Path, ...]
    workspace: "Workspace"
    engine: "asyncio.Task[Engine]"
    feedback: Feedback
    checking: Checking
    memory: SuggestionMemory
    ahead: Ahead
    explaining: Ahead
    warming: Warming
    sentences: SentenceMemory
    outside: Outside
    recorder: Recorder | None  # None where nothing is kept
    tell: Callable[[Status], None]
    say: Callable[[str], None]  # to the user
    version_now: Callable[[str], int | None]  # of an open document; the editor may have gone on since the snapshot

    def document(self, uri: str, version: int) -> Document | None:
        """That version of a document, or None when the editor has gone on since."""
        text = self.texts.get(uri)
        if text is None or text.is_lost:
            return None
        document = self._document(uri)
        return document if document.version == version else None

    def place(self, uri: str, position: types.Position) -> Place | NoPlace:
        """The cursor that a request speaks of."""
        text = self.texts.get(uri)
        if text is None:
            return NoPlace.NOT_OPEN
        if text.is_lost:
            return NoPlace.LOST
        document = self._document(uri)
        offset = from_lsp.document_offset(document, position, self.client.encoding)
        return NoPlace.OUTSIDE if offset is None else Place(document, offset)

    @property
    def offers_items(self) -> bool:
        """Whether suggestions also come as ordinary completion items."""
        return offers_items(self.settings, self.client)

    def view(self, place: Place) -> View:
        """What the model should be asked about: a cell stands among the other cells of its notebook."""
        around = cells_around(self.notebooks, place.document.uri)
        if around is None:
            return View(place, place.document)
        notebook, before, after = around
        path = workspace.document_path(notebook, self.roots)
        return in_notebook(place, self._code(before), self._code(after), path)

    async def ready_engine(self) -> "Engine":
        """The model; cancelling the wait does not cancel the loading."""
        return await asyncio.shield(self.engine)

    def documents_beside(self, uri: str) -> tuple[Document, ...]:
        """The other documents that are open."""
        others = (each for each, text in self.texts.items() if each != uri and not text.is_lost)
        return tuple(map(self._document, others))

    def sources_beside(self, uri: str) -> "Sources":
        """The texts that may be shown to the model when it completes the document `uri`."""
        from devstral_ls.context import Sources  # noqa: PLC0415 - for start-up

        return Sources(self.documents_beside(uri), self.workspace)

    def _document(self, uri: str) -> Document:
        return self.texts[uri].document(workspace.document_path(uri, self.roots))

    def _code(self, cells: Sequence[str]) -> list[str]:
        """The texts of those cells that the editor sends: the code, not the prose."""
        return [self.texts[cell].buffer.text for cell in cells if cell in self.texts]


class Editor(Protocol):
    """What the session says to the editor and asks of it."""

    def tell(self, name: str, status: Status) -> None:
        """Send a status as the notification `name`."""
        ...

    def log(self, line: str) -> None:
        """Put a line into the log that the editor shows to its user."""
        ...

    def publish(self, found: types.PublishDiagnosticsParams) -> None: ...

    def watch_index(self, folder: Path, done: Callable[[], None], *, is_shown: bool) -> "Watcher":
        """Somebody who is told how far the index of a root is, shows it where the editor can, and calls `done`."""
        ...

    def ask_settings(self, section: str, answered: Callable[[object], None]) -> None:
        """Ask for the user's settings; an editor that fails to say leaves them as they are."""
        ...

    def choose(self, question: str, choices: Sequence[str], answered: Callable[[str | None], None]) -> None:
        """Show a question; None where it is not answered. Nobody waits: some editors stand still meanwhile."""
        ...

    def say(self, words: str) -> None:
        """Show some words to the user."""
        ...

    def watch_settings(self, section: str) -> None:
        """Ask to be told when the user's settings change."""
        ...

    def watch_files(self, patterns: Sequence[str]) -> None:
        """Ask to be told when such files change on the disk."""
        ...


class Session:
    """The state of the conversation with one editor."""

    def __init__(self, settings: Settings, editor: Editor, load_engine: LoadEngine, outside: Outside) -> None:
        self.client = Client()
        self.settings = settings
        self.feedback = Feedback()
        self.checking = Checking()
        self.memory = SuggestionMemory()
        self.ahead = Ahead()
        self.explaining = Ahead()
        self.warming = Warming(self._with_a_model)
        self.sentences = SentenceMemory()
        self.recorder: Recorder | None = None
        self.publisher = Publisher(editor.publish)
        self.freshness = Freshness(self._update_index, self._index_took_s)
        self.outside = outside
        self._given = settings  # by the command line and the initialization options
        self._editor = editor
        self._load_engine = load_engine
        self._engine: asyncio.Task[Engine] | None = None
        self._texts: Texts = {}
        self._notebooks: Notebooks = {}
        self._roots: tuple[Path, ...] = ()
        self._workspace: Workspace | None = None
        self._is_watching = False
        self.status = READY

    def snapshot(self) -> Snapshot:
        """What a request that arrives now may know."""
        return Snapshot(
            texts=self._texts,
            notebooks=self._notebooks,
            client=self.client,
            settings=self.settings,
            roots=self._roots,
            workspace=self._workspace_of_roots(),
            engine=self.engine(),
            feedback=self.feedback,
            checking=self.checking,
            memory=self.memory,
            ahead=self.ahead,
            explaining=self.explaining,
            warming=self.warming,
            sentences=self.sentences,
            outside=self.outside,
            recorder=self.recorder if self.settings.record_prompts else None,
            tell=self.tell,
            say=self._editor.say,
            version_now=self.version_of,
        )

    def engine(self) -> "asyncio.Task[Engine]":
        """The model, which starts to load when somebody first asks for it."""
        if self._engine is None:
            self._engine = asyncio.ensure_future(self._load_engine(self))
        return self._engine

    async def _with_a_model(self) -> Snapshot:
        """A snapshot, as soon as asking costs no import."""
        await asyncio.shield(self.engine())
        return self.snapshot()

    def tell(self, status: Status) -> None:
        """Tell the editor what the server is about, when that has changed; being ready says who else may be asked."""
        if status == READY and (remote := self.outside.remote()) is not None:
            status = replace(READY, message=f"typing stays on this machine; {remote.host} may be asked for more")
        if status != self.status:
            self.status = status
            self._editor.tell(self.client.status_name, status)

    # From first to last

    def initialize(self, params: Mapping[str, Any]) -> None:
        """Take over what the editor said in its greeting, which has been answered."""
        self.client = client_of(params)
        self._roots = workspace.roots_of(params)
        self._given = self._changed(self._given, params.get("initializationOptions"), is_trusted=True)
        self.settings = self._given
        if self.settings.checkers:
            self._tell_about_checkers()

    def initialized(self, _params: types.InitializedParams) -> None:
        if self.client.can_register_configuration:
            self._editor.watch_settings(SECTION)
        self._ask_settings()
        self.engine()

    def configured(self, params: types.DidChangeConfigurationParams) -> None:
        """The user's settings changed; what comes along says how only where the editor cannot be asked."""
        if self.client.has_configuration:
            self._ask_settings()
            return
        given = params.settings
        self._set(given.get(SECTION, given) if isinstance(given, Mapping) else given)

    def folders_changed(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        removed = workspace.folder_paths(params.event.removed)
        added = workspace.folder_paths(params.event.added)
        kept = (root for root in self._roots if root not in removed)
        self._roots = tuple(dict.fromkeys((*kept, *added)))
        if self._workspace is not None:
            self._workspace.close()
        self._workspace = None

    def files_changed(self, _params: object) -> None:
        """A document was saved, or files changed that the editor watches for us."""
        if self._workspace is not None:
            self.freshness.changed()

    # Documents

    def opened(self, params: types.DidOpenTextDocumentParams) -> None:
        self._texts = documents.opened(self._texts, params.text_document)
        uri = params.text_document.uri
        self.warming.moved(uri, likely(self._texts[uri].document("")))

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        encoding = self.client.encoding
        self._texts = documents.changed(self._texts, params.text_document, params.content_changes, encoding)

    def lost(self, uri: object) -> None:
        """A change of this document, as far as its URI could be read, could not be."""
        if isinstance(uri, str):
            self._texts = documents.lost(self._texts, uri)

    def version_of(self, uri: str) -> int | None:
        """The version of an open document, or None for one that is not open."""
        text = self._texts.get(uri)
        return None if text is None else text.version

    def document(self, uri: str) -> Document | None:
        """An open document as it is now."""
        text = self._texts.get(uri)
        return None if text is None or text.is_lost else text.document("")

    def closed(self, params: types.DidCloseTextDocumentParams) -> None:
        self._texts = documents.closed(self._texts, params.text_document.uri)
        self.publisher.forget(params.text_document.uri)

    def notebook_opened(self, params: types.DidOpenNotebookDocumentParams) -> None:
        self._notebooks = notebooks.opened(self._notebooks, params)
        for item in params.cell_text_documents:
            self._texts = documents.opened(self._texts, item)

    def notebook_changed(self, params: types.DidChangeNotebookDocumentParams) -> None:
        cells = params.change.cells
        if cells is None:
            return
        self._notebooks = notebooks.restructured(self._notebooks, params.notebook_document.uri, cells.structure)
        self._texts = notebooks.texts_after(self._texts, cells, self.client.encoding)

    def notebook_closed(self, params: types.DidCloseNotebookDocumentParams) -> None:
        self._notebooks = notebooks.closed(self._notebooks, params.notebook_document.uri)
        for cell in params.cell_text_documents:
            self._texts = documents.closed(self._texts, cell.uri)

    # Settings

    def _tell_about_checkers(self) -> None:
        """Say what is wrong with the user's own checkers, and where they do not run."""
        from devstral_ls.checkers import declarations_of  # noqa: PLC0415 - for start-up: few users have some

        for problem in declarations_of(self.settings.checkers)[1]:
            self._editor.log(problem)
        for root in self._roots:
            if not self.settings.trusts(root):
                self._editor.log(f"your checkers do not run in {root}; to change that, add it to `trusted_folders`")

    def _ask_settings(self) -> None:
        if self.client.has_configuration:
            self._editor.ask_settings(SECTION, self._set)

    def _set(self, given: object) -> None:
        """Take the editor's settings, which may come with the workspace and so are not trusted."""
        self.settings = self._changed(self._given, given, is_trusted=False)

    def _changed(self, base: Settings, given: Any, *, is_trusted: bool) -> Settings:
        if not isinstance(given, Mapping):
            return base
        ignored = NOT_OURS if is_trusted else NOT_OURS | USER_SCOPE
        settings, problems = base.changed_by({name: given[name] for name in given if name not in ignored})
        for problem in problems:
            self._editor.log(problem)
        return settings

    def rest(self) -> None:
        """The user works in another editor: give back what can be had again. From any thread."""
        if self._workspace is not None:
            self._workspace.semantics.rest()

    def _workspace_of_roots(self) -> "Workspace":
        from devstral_ls.context import Workspace  # noqa: PLC0415 - for start-up

        if self._workspace is None:
            self._workspace = Workspace(self._roots)
            self._open_index(self._workspace, is_shown=self.client.has_work_done_progress)
            self._watch_files()
            for folder in self._workspace.too_wide:
                self._ask_whether_to_index(folder, self._workspace)
        self.freshness.worked(self._roots)
        return self._workspace

    def _watch_files(self) -> None:
        """Once: what is watched for hangs on no folder."""
        from devstral_ls.context import WATCHED_FILES  # noqa: PLC0415 - for start-up

        if self.client.can_register_files and not self._is_watching:
            self._is_watching = True
            self._editor.watch_files(WATCHED_FILES)

    def _open_index(self, opened: "Workspace", *, is_shown: bool) -> None:
        """In a process of its own, and only reading: what it finds is there when it is there."""
        near = [
            opened.roots.named(self._texts[uri].document(workspace.document_path(uri, self._roots))).path
            for uri in self._texts
        ]
        opened.open_index(near, partial(self._editor.watch_index, done=self.warming.changed, is_shown=is_shown))

    def _update_index(self) -> None:
        """Silently: a bar for each saved file would be noise."""
        if self._workspace is not None:
            self._open_index(self._workspace, is_shown=False)

    def _index_took_s(self) -> float | None:
        return 0.0 if self._workspace is None else self._workspace.index_took_s

    def _ask_whether_to_index(self, folder: Path, opened: "Workspace") -> None:
        def answered(answer: str | None) -> None:
            if answer is not None and opened is self._workspace:
                opened.allow(folder)
                self._open_index(opened, is_shown=self.client.has_work_done_progress)

        question = f"{folder} is not indexed for suggestions, because it is a whole disk or home folder"
        self._editor.choose(question, ["Index it all the same"], answered)
