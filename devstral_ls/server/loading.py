"""The model is loaded in the background, once, while the editor shows that it is."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from devstral_ls.config import Settings
from devstral_ls.errors import DevstralError
from devstral_ls.server.progress import Progress
from devstral_ls.server.session import Session
from devstral_ls.server.status import LOADING, READY, Kind, Status

if TYPE_CHECKING:  # importing the engine is what the background is for
    from devstral_ls.engine.face import Engine

_LOGGER = logging.getLogger(__name__)

OpenEngine = Callable[[Settings], "Engine"]


def open_bundle(settings: Settings) -> "Engine":
    """The engine for the model that the settings name: the one that the user's editors share, or one of our own."""
    from devstral_ls.engine import embedded_bundle, open_engine, resolve_bundle  # noqa: PLC0415 - heavy
    from devstral_ls.sharing import open_shared_engine  # noqa: PLC0415 - heavy

    folder = resolve_bundle(settings.model) if settings.model else embedded_bundle()
    open_one = open_shared_engine if settings.share_engine else open_engine
    return open_one(folder, provider=settings.provider, n_threads=settings.n_threads)


async def load(server: LanguageServer, session: Session, open_engine: OpenEngine) -> "Engine":
    """Load the model and everything that the first suggestion would have to import."""
    progress = Progress(server, "Loading the code model", is_shown=session.client.has_work_done_progress)
    progress.begin()
    session.tell(LOADING)
    try:
        engine = await asyncio.to_thread(_load, session.settings, open_engine)
    except DevstralError as error:
        _LOGGER.error("no suggestions: %s", error)  # noqa: TRY400 - the message says it all
        progress.end("no model")
        session.tell(Status(Kind.ERROR, str(error)))
        server.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"devstral-ls: {error}"))
        raise
    progress.end("ready")
    if session.status == LOADING:
        session.tell(READY)
    return engine


def _load(settings: Settings, open_engine: OpenEngine) -> "Engine":
    import devstral_ls.features.inline_completion  # noqa: F401, PLC0415 - heavy

    return open_engine(settings)
