"""What was generated for the last request of a document, for the next one when the user typed just that."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from devstral_ls.engine.request import CostRule, GenerationRequest, InfillPrompt
from devstral_ls.engine.tokenizer import Tokens

FLIGHTS_LIMIT = 16


@dataclass(frozen=True, slots=True)
class Flight:
    """A greedy completion as far as it came, its end token included."""

    prompt: InfillPrompt
    tokens: Tokens  # what the prompt was for the model
    typed: bytes  # what the completion had to begin with
    said: tuple[tuple[int, float], ...]  # tokens with their log-probabilities
    text: str  # what they spell behind `typed`
    cost: CostRule | None = None

    def typed_since(self, prompt: InfillPrompt) -> str | None:
        """What the user has typed behind the old prompt, if it is how the completion begins; else None."""
        if replace(prompt, prefix=self.prompt.prefix) != self.prompt:
            return None
        if not prompt.prefix.startswith(self.prompt.prefix):
            return None
        typed = prompt.prefix[len(self.prompt.prefix) :]
        return typed if self.text.startswith(typed) else None


class Flights:
    """The last flight of each key; used by the worker thread only."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, Flight] = OrderedDict()

    def remember(self, key: str, flight: Flight) -> None:
        """Keep this flight in the place of the key's older one."""
        self._by_key[key] = flight
        self._by_key.move_to_end(key)
        if FLIGHTS_LIMIT < len(self._by_key):
            self._by_key.popitem(last=False)

    def forget(self, prefix: str) -> None:
        """Drop the flights whose keys begin so."""
        for key in [key for key in self._by_key if key.startswith(prefix)]:
            del self._by_key[key]

    def continued_by(self, request: GenerationRequest) -> tuple[Flight, str] | None:
        """The flight that this request goes on with, and what was typed of it."""
        flight = self._by_key.get(request.key)
        if flight is None or flight.cost != request.cost or not is_adoptable(request):
            return None
        assert isinstance(request.prompt, InfillPrompt)
        typed = flight.typed_since(request.prompt)
        return None if typed is None else (flight, typed)


def is_adoptable(request: GenerationRequest) -> bool:
    """Whether its completion is what any request with this prompt and cost rule would get."""
    is_greedy = request.sampling.temperature <= 0.0 and isinstance(request.prompt, InfillPrompt)
    return is_greedy and request.n_best == 1 and 0 < request.max_tokens
