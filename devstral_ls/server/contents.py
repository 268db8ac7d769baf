"""Read-only documents that the server writes: what the model sees at a place, and why."""

import asyncio

from devstral_ls.server.failures import JsonRpcRequestFailed
from devstral_ls.server.from_lsp import Cursor
from devstral_ls.server.session import NoPlace, Snapshot


async def context_page(snapshot: Snapshot, cursor: Cursor) -> str:
    """What a suggestion there would be made from."""
    place = snapshot.place(cursor.uri, cursor.position)
    if isinstance(place, NoPlace):
        raise JsonRpcRequestFailed(f"no context: {place}")
    engine = await snapshot.ready_engine()
    from devstral_ls.context.census import census  # noqa: PLC0415 - loaded with the model
    from devstral_ls.features.context_page import page_at  # noqa: PLC0415 - loaded with the model

    sources = snapshot.sources_beside(cursor.uri)
    # In a thread: it walks the workspace and touches nothing of the session.
    left_out = await asyncio.to_thread(census, sources.workspace.indexed_paths())
    return page_at(
        snapshot.view(place).place,
        engine=engine,
        sources=sources,
        settings=snapshot.settings,
        files_left_out=left_out,
    )
