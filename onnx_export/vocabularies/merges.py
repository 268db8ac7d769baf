"""The merges that a ranked vocabulary implies: any two of its tokens that together are a third."""

from collections.abc import Mapping

Merge = tuple[str, str]


def implied_merges(ranks: Mapping[str, float]) -> list[Merge]:
    """Return all pairs, those whose union has the lowest rank first.

    Among equal ranks (Mistral's runs of spaces all have the same) libraries merge leftmost first,
    so what has grown longest on the left goes first.
    """
    found: list[tuple[float, int, Merge]] = []
    for token, rank in ranks.items():
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in ranks and right in ranks:
                found.append((rank, -cut, (left, right)))
    return [merge for *_, merge in sorted(found)]
