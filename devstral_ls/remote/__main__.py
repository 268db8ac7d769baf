"""`python -m devstral_ls.remote FOLDER`: the process behind `courier`, on standard input and output."""

import os
import sys
from pathlib import Path

from devstral_ls.remote.courier import work

if __name__ == "__main__":
    # Whatever a library prints goes to stderr: the output belongs to the answers.
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    work(source, sink, Path(sys.argv[1]))
