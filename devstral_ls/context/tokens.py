"""Token counts, remembered by text: counting is the slowest thing on the keystroke path."""

from collections import OrderedDict

from devstral_ls.context.pieces import CountTokens

MAX_REMEMBERED_COUNTS = 8_192  # what symbols take is kept with their outlines


class TokenCounts:
    """Counts of pieces of text, remembered for as long as the tokenizer stays the same.

    Counts of pieces add up to the count of the whole when cuts fall on line starts that are
    neither blank nor indented; elsewhere the sum may be a token or two too high, never relevant to a limit.
    """

    __slots__ = ("_count_tokens", "_known")

    def __init__(self) -> None:
        self._known: OrderedDict[str, int] = OrderedDict()
        self._count_tokens: CountTokens | None = None

    def use(self, count_tokens: CountTokens) -> "TokenCounts":
        """Count with `count_tokens` from now on; what another tokenizer counted is forgotten."""
        if count_tokens != self._count_tokens:
            self._known.clear()
            self._count_tokens = count_tokens
        return self

    @property
    def counted_by(self) -> object:
        """Who counts now; equal for as long as the counts are."""
        return self._count_tokens

    def of(self, text: str) -> int:
        known = self._known.get(text)
        if known is not None:
            return known
        assert self._count_tokens is not None
        n_tokens = self._count_tokens(text)
        self._known[text] = n_tokens
        if MAX_REMEMBERED_COUNTS < len(self._known):
            self._known.popitem(last=False)
        return n_tokens
