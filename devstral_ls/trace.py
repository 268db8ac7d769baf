"""Named timings, logged at DEBUG level; they never hold source text."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("devstral_ls.trace")


@contextmanager
def span(name: str) -> Iterator[None]:
    """Time the enclosed block under `name` (a dotted name such as "context.rank")."""
    if not _LOGGER.isEnabledFor(logging.DEBUG):
        yield
        return
    start_s = time.perf_counter()
    try:
        yield
    finally:
        _LOGGER.debug("%s %.2f ms", name, (time.perf_counter() - start_s) * 1e3)
