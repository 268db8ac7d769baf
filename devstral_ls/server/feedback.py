"""What became of the suggestions: offered, shown, accepted, accepted in part."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

_LOGGER = logging.getLogger(__name__)

MAX_REMEMBERED = 256


class Fate(StrEnum):
    """What happened to a suggestion, as far as the editor tells."""

    OFFERED = "offered"
    SHOWN = "shown"
    ACCEPTED = "accepted"
    PARTLY_ACCEPTED = "partly accepted"


@dataclass(frozen=True, slots=True)
class Offer:
    """A suggestion that was sent to the editor; its text stays in memory and goes into no log."""

    id: str
    uri: str
    version: int
    language_id: str
    line: int
    text: str = field(repr=False)
    source: str  # what it came from
    latency_ms: float

    @property
    def n_characters(self) -> int:
        return len(self.text)


Listener = Callable[[Offer, Fate, int], None]


class Feedback:
    """Remembers the last offers by id and passes on what the editor says of them."""

    def __init__(self) -> None:
        self._offers: OrderedDict[str, Offer] = OrderedDict()
        self._listeners: list[Listener] = [_log]

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each offer, its fate, and how many of its characters were taken."""
        self._listeners.append(listener)

    def offered(self, offer: Offer) -> str:
        """Remember a suggestion; the id by which the editor will speak of it."""
        self._offers[offer.id] = offer
        if MAX_REMEMBERED < len(self._offers):
            self._offers.popitem(last=False)
        self.happened(offer.id, Fate.OFFERED, 0)
        return offer.id

    def happened(self, offer_id: object, fate: Fate, n_characters: int | None = None) -> bool:
        """Pass on the fate of an offer; False when it is not remembered."""
        offer = self._offers.get(offer_id) if isinstance(offer_id, str) else None
        if offer is None:
            return False
        n_taken = offer.n_characters if n_characters is None else min(n_characters, offer.n_characters)
        for listener in self._listeners:
            listener(offer, fate, n_taken)
        return True


def _log(offer: Offer, fate: Fate, n_characters: int) -> None:
    _LOGGER.debug("%s: %d of %d characters", fate, n_characters, offer.n_characters)
