"""One engine for all editors of a user: the first server starts it, later ones connect.

Its memory is paid once, its caches are warm for all, and it leaves when nobody needs it.
See docs/decisions/0011-one-engine-for-all-editors.md.
"""

from collections.abc import Sequence
from pathlib import Path

from devstral_ls.engine import face, inspect_installed, open_engine, open_tokenizer
from devstral_ls.errors import NotShared
from devstral_ls.sharing.client import SharedEngine, Ways
from devstral_ls.sharing.limits import Limits
from devstral_ls.sharing.meeting import PROGRAM, look_in, meet
from devstral_ls.sharing.rendezvous import wanted_engine
from devstral_ls.sharing.rules import Json

__all__ = ["look", "open_shared_engine"]


def open_shared_engine(
    folder: Path,
    *,
    provider: str = "cpu",
    n_threads: int = 0,
    limits: Limits = Limits(),  # noqa: B008 - a value
    program: Sequence[str] = PROGRAM,
) -> face.Engine:
    """The user's engine on the model in this folder, started where none runs; our own where none can be shared.

    Wrong names, sizes and links are refused at once, as by `open_engine`.
    """
    manifest = inspect_installed(folder)
    wanted = wanted_engine(folder, provider=provider, n_threads=n_threads)
    ways = Ways(
        meet=lambda: meet(wanted, limits, program),
        open_own=lambda: open_engine(folder, provider=provider, n_threads=n_threads),
        open_tokenizer=lambda: open_tokenizer(folder, manifest),
        facts={
            "model": manifest.name,
            "window_tokens": manifest.window_tokens,
            "infill_tokens": manifest.hole_tokens,
            "infill": manifest.prompt_formats.get("infill"),
            "chat": manifest.prompt_formats.get("chat"),
        },
    )
    return SharedEngine(ways)


def look(folder: Path, *, provider: str = "cpu", n_threads: int = 0) -> Json | None:
    """What the shared engine for this model says of itself, or None where none runs; starts nothing."""
    try:
        channel = look_in(wanted_engine(folder, provider=provider, n_threads=n_threads))
    except NotShared:
        return None
    if channel is None:
        return None
    channel.limit_silence(1.0)
    channel.send({"say": "state"})
    try:
        return channel.receive()
    except BlockingIOError:
        return None
    finally:
        channel.close()
