"""The pieces that know LSP, put together around one session, for an editor that has been greeted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devstral_ls.config import Settings
from devstral_ls.ledger import FILE_NAME
from devstral_ls.recordings import FOLDER_NAME, Recorder
from devstral_ls.remote.parcel import Send
from devstral_ls.server.accounts import Accounts
from devstral_ls.server.dispatch import Server
from devstral_ls.server.link import Link
from devstral_ls.server.loading import OpenEngine, load, open_bundle
from devstral_ls.server.outside import Outside, nowhere
from devstral_ls.server.requests import COMMANDS, NOTIFICATIONS, REQUESTS
from devstral_ls.server.session import Session

if TYPE_CHECKING:  # heavy, and only named here
    from devstral_ls.engine.face import Engine
    from devstral_ls.server.conversation import Sink


@dataclass(frozen=True, slots=True)
class Assembly:
    """A server at work, with what it keeps beside the conversation."""

    server: Server
    accounts: Accounts | None

    @property
    def session(self) -> Session:
        return self.server.session

    async def close(self) -> None:
        """Cancel and answer what is under way, and write down what is to be kept."""
        self.session.ahead.stop()
        self.session.explaining.stop()
        self.session.warming.stop()
        self.session.publisher.stop()
        self.session.freshness.stop()
        await self.server.protocol.end_all()
        self.session.checking.close()
        if self.accounts is not None:
            self.accounts.close()
        if self.session.recorder is not None:
            self.session.recorder.close()


def assemble(
    sink: "Sink",
    settings: Settings,
    open_engine: OpenEngine | None,
    greeting: dict[str, Any],
    *,
    stop: Callable[[int], None],
    data_folder: Path | None,
    send: Send | None = None,
) -> Assembly:
    """A server for the editor whose greeting, the parameters of initialize, has been answered."""

    async def load_engine(session: Session) -> "Engine":
        engine = await load(server, session, open_engine or open_bundle)
        engine.on_rest(session.rest)
        if accounts is not None:
            engine.answered.listen(accounts.spent)
        return engine

    server = Server(stop=stop)
    link = Link(server)
    outside = nowhere(link) if data_folder is None else Outside(link, data_folder, send)
    server.attach(Session(settings, link, load_engine, outside), REQUESTS, NOTIFICATIONS, COMMANDS)
    server.protocol.set_writer(sink)
    server.session.initialize(greeting)
    if data_folder is not None:
        server.session.recorder = Recorder(data_folder / FOLDER_NAME)
    accounts = _accounts(server.session, data_folder)
    return Assembly(server, accounts)


def _accounts(session: Session, data_folder: Path | None) -> Accounts | None:
    if data_folder is None:
        return None
    accounts = Accounts(data_folder / FILE_NAME, session.document, lambda: session.settings.count_suggestions)
    session.feedback.listen(accounts.heard)
    return accounts
