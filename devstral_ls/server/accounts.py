"""Keeps the ledger of one conversation: what was offered and taken, what of that is still there later, what it cost."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from devstral_ls.features.survival import is_alive
from devstral_ls.ledger import SURVIVALS_S, Ledger, Spent
from devstral_ls.server.feedback import Fate, Offer
from devstral_ls.text import Document

if TYPE_CHECKING:  # loaded with the model, after start-up
    from devstral_ls.engine.request import Metrics

MAX_WATCHED = 64  # accepted suggestions that are looked at again

FindDocument = Callable[[str], Document | None]
# Calls something after so many seconds; what it returns gives that up.
Later = Callable[[int, Callable[[], object]], Callable[[], object]]


class Accounts:
    """Owns the ledger and the looks that are still to be taken; closing it gives up the latter."""

    def __init__(
        self, file: Path, find: FindDocument, is_wanted: Callable[[], bool], *, later: Later | None = None
    ) -> None:
        self._file = file
        self._find = find
        self._is_wanted = is_wanted
        self._opened: Ledger | None = None
        self._opening = threading.Lock()
        self._later = later or _in_the_loop
        self._looks: dict[str, list[Callable[[], object]]] = {}  # each gives one look up

    def heard(self, offer: Offer, fate: Fate, n_characters: int) -> None:
        """A listener of `Feedback`."""
        if not self._is_wanted():
            return
        if fate is Fate.OFFERED:
            self._ledger.offered(
                offer.id,
                language=offer.language_id,
                source=offer.source,
                n_characters=offer.n_characters,
                latency_ms=offer.latency_ms,
            )
        elif fate is Fate.SHOWN:
            self._ledger.shown(offer.id)
        else:
            self._ledger.accepted(offer.id, n_characters, is_partial=fate is Fate.PARTLY_ACCEPTED)
            self._watch(offer, offer.text[:n_characters])

    def spent(self, metrics: "Metrics") -> None:
        """A listener of the engine, called in its thread."""
        if self._is_wanted():
            self._ledger.spent(
                Spent(
                    work=metrics.priority.name.lower(),
                    cache=metrics.cache,
                    finish=metrics.finish,
                    n_read=metrics.n_prefilled_tokens,
                    n_written=metrics.n_generated_tokens,
                    queue_ms=metrics.queue_ms,
                    write_ms=max(0.0, metrics.total_ms - metrics.first_token_ms),
                    total_ms=metrics.total_ms,
                )
            )

    def close(self) -> None:
        for looks in self._looks.values():
            for give_up in looks:
                give_up()
        if self._opened is not None:
            self._opened.close()

    @property
    def _ledger(self) -> Ledger:
        """Opened by the first entry: who never asks the model gets no file."""
        with self._opening:
            if self._opened is None:
                self._opened = Ledger(self._file)
            return self._opened

    def _watch(self, offer: Offer, accepted: str) -> None:
        """Look at it again after each of `SURVIVALS_S`; a later acceptance of the same offer starts anew."""
        for give_up in self._looks.pop(offer.id, ()):
            give_up()
        if MAX_WATCHED <= len(self._looks):
            self._looks.pop(next(iter(self._looks)))
        self._looks[offer.id] = [
            self._later(after_s, partial(self._look, offer, accepted, after_s)) for after_s in SURVIVALS_S
        ]

    def _look(self, offer: Offer, accepted: str, after_s: int) -> None:
        """What is closed is not looked at: the disk may say something else."""
        document = self._find(offer.uri)
        if document is not None:
            self._ledger.survived(offer.id, after_s, is_alive=is_alive(accepted, document.text, offer.line))
        if after_s == SURVIVALS_S[-1]:
            self._looks.pop(offer.id, None)


def _in_the_loop(after_s: int, look: Callable[[], object]) -> Callable[[], object]:
    return asyncio.get_running_loop().call_later(after_s, look).cancel
