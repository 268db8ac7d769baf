"""`python -m devstral_ls.sharing START` is the shared engine; servers start it, see `meeting`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devstral_ls.sharing.birth import be_born
from devstral_ls.sharing.limits import Start

if TYPE_CHECKING:  # heavy; imported behind the socket
    from devstral_ls.engine.engine import Engine


def open_bundle(start: Start) -> "Engine":
    """The engine on the model that the starting server found."""
    from devstral_ls.engine import embedded_bundle, open_engine  # noqa: PLC0415 - after it listens

    wanted = start.wanted
    folder = Path(wanted.model)
    own = embedded_bundle()
    # The package's own folder is known by its own name: only there hard links are allowed.
    folder = own if folder == own.resolve() else folder
    return open_engine(folder, provider=wanted.provider, n_threads=wanted.n_threads)


if __name__ == "__main__":
    be_born(sys.argv[1], open_bundle)
