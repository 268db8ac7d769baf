"""The way to a remote model, for a server that was started with one: what is asked of the user before anything leaves.

Nobody waits for the user's answer. Work that needs one fails with a line that says so, and may be chosen again.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import DevstralError, RemoteError
from devstral_ls.remote import choice, consent
from devstral_ls.remote.choice import Remote
from devstral_ls.remote.parcel import Parcel, Reply, Send
from devstral_ls.server.workspace import file_path
from devstral_ls.text import Document

if TYPE_CHECKING:  # features are imported when somebody first asks
    from devstral_ls.features.errands import Errand

_LOGGER = logging.getLogger(__name__)

MAX_APPROVED = 32  # previewed texts that may be sent once each
ALLOW, REFUSE = "Allow for this folder", "Never here"
SEND, KEEP = "Send", "Don't send"


class Asks(Protocol):
    """The part of the editor that is needed here."""

    def choose(self, question: str, choices: list[str], answered: Callable[[str | None], None]) -> None: ...


class Outside:
    """Owns the approvals of one conversation; choice and consent lie in `folder` and are read each time."""

    def __init__(self, editor: Asks, folder: Path, send: Send | None) -> None:
        self._editor = editor
        self._folder = folder
        self._send = send
        self._asked: set[Path] = set()
        self._approved: OrderedDict[bytes, None] = OrderedDict()

    def remote(self) -> Remote | None:
        """The chosen server; None where there is none, or where this process was started without a way to it."""
        if self._send is None:
            return None
        try:
            return choice.load(self._folder)
        except DevstralError as error:
            _LOGGER.warning("no remote model: %s", error)
            return None

    def errand(self, document: Document, roots: tuple[Path, ...]) -> "Errand | None":
        """What may be asked about a document: nothing where it has no file below a root, or where that was refused."""
        from devstral_ls.features.errands import Errand  # noqa: PLC0415 - for start-up

        remote, file = self.remote(), file_path(document.uri)
        holding = [root for root in roots if file is not None and file.is_relative_to(root)]
        if remote is None or file is None or not holding:
            return None
        root = max(holding, key=lambda each: len(each.parts))
        refused = self._answer(root, remote) is consent.Answer.REFUSED
        return None if refused else Errand(remote, document, root, file)

    async def deliver(self, errand: "Errand", parcel: Parcel | str, cancel: CancelToken) -> Reply:
        """The reply to a parcel, if it may leave; `RemoteError` says why there is none."""
        from devstral_ls.features.routing import Way, Work, way_for  # noqa: PLC0415 - for start-up

        if isinstance(parcel, str):
            raise RemoteError(parcel)
        answer = self._answer(errand.root, errand.remote)
        way = way_for(Work(parcel.why), parcel.n_characters, answer)
        if way is Way.STAY or self._send is None:
            raise RemoteError(f"this may not go to {errand.remote.host}")
        if way is Way.ASK_FIRST:
            self._ask_for_consent(errand, parcel)
            raise RemoteError(f"answer whether {errand.remote.host} may be asked, and choose this again")
        if errand.remote.preview and not self._take_approval(parcel):
            self._ask_for_approval(errand.remote, parcel)
            raise RemoteError(f"look at what would go to {errand.remote.host}, and choose this again")
        return await asyncio.to_thread(self._send, parcel, cancel)

    def _answer(self, root: Path, remote: Remote) -> consent.Answer:
        """What was said about a root; answers that cannot be read allow nothing."""
        try:
            return consent.answer_of(self._folder, root, remote)
        except DevstralError as error:
            _LOGGER.warning("nothing may leave: %s", error)
            return consent.Answer.REFUSED

    def _ask_for_consent(self, errand: "Errand", parcel: Parcel) -> None:
        """Once in a conversation for each folder; who closes the question is asked in the next one."""
        if errand.root in self._asked:
            return
        self._asked.add(errand.root)

        def take(chosen: str | None) -> None:
            if chosen in {ALLOW, REFUSE}:
                answer = consent.Answer.ALLOWED if chosen == ALLOW else consent.Answer.REFUSED
                consent.give(self._folder, errand.root, errand.remote, answer)

        question = (
            f"devstral-ls: may parts of files in {errand.root.name} go to {errand.remote.host}? "
            f"Only for what you choose and this machine could not do ({parcel.why}), never while you type. "
            "`devstral-ls remote log` shows each byte, `devstral-ls remote revoke` ends it."
        )
        self._editor.choose(question, [ALLOW, REFUSE], take)

    def _ask_for_approval(self, remote: Remote, parcel: Parcel) -> None:
        def take(chosen: str | None) -> None:
            if chosen == SEND:
                self._approved[_digest(parcel)] = None
                if MAX_APPROVED < len(self._approved):
                    self._approved.popitem(last=False)

        question = f"devstral-ls: this would go to {remote.host} ({parcel.why}):\n\n{parcel.shown}"
        self._editor.choose(question, [SEND, KEEP], take)

    def _take_approval(self, parcel: Parcel) -> bool:
        """Whether this very text was approved; an approval is good for one sending."""
        digest = _digest(parcel)
        is_approved = digest in self._approved
        self._approved.pop(digest, None)
        return is_approved


def nowhere(editor: Asks) -> Outside:
    """For a server without a way out."""
    return Outside(editor, Path(), None)


def _digest(parcel: Parcel) -> bytes:
    return hashlib.sha256(parcel.shown.encode(errors="surrogatepass")).digest()
