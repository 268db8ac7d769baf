"""The real server in a process of its own, with a scripted model.

Flags: `gated` stops the model in its first step, `prints` writes to stdout as a careless library would.
"""

import json
import os
import sys
from typing import TYPE_CHECKING

from devstral_ls.config import Settings
from devstral_ls.server import serve

if TYPE_CHECKING:
    from devstral_ls.engine.engine import Engine


def open_engine(_settings: Settings) -> "Engine":
    from devstral_ls.engine.backends.scripted import MARKERS, ScriptedBackend, answers, engine_on  # noqa: PLC0415 - as late as the real one

    backend = ScriptedBackend(answers(json.loads(sys.argv[1])), len(MARKERS) + 256)
    if "gated" in sys.argv[2:]:
        backend.gate()
    if "prints" in sys.argv[2:]:
        os.write(1, b"a stray line\n")
    return engine_on(backend)


if __name__ == "__main__":
    serve(open_engine=open_engine)
