"""How many slips of the keyboard lie between two names."""

from collections.abc import Iterable


def distance(a: str, b: str, *, limit: int) -> int:
    """Insertions, deletions, replacements and swaps of neighbours from `a` to `b`; more than `limit` is not counted."""
    if limit < abs(len(a) - len(b)):
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        above, before_that, before = row, before, row
        row = [i]
        for j, right in enumerate(b, 1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (left != right))
            if 1 < i and 1 < j and left == b[j - 2] and a[i - 2] == right:
                best = min(best, before_that[j - 2] + 1)
            row.append(best)
        if limit < min(row):
            return limit + 1
    return row[-1]


def nearest(name: str, known: Iterable[str], *, max_names: int = 5) -> list[tuple[str, int]]:
    """The names that somebody may have meant by `name`, nearest first, with their distances."""
    limit = len(name) // 3 if len(name) <= 9 else 3  # a name of two letters is near to everything
    found = ((other, _distance_ignoring_form(name, other, limit)) for other in dict.fromkeys(known) if other != name)
    near = sorted((n_slips, other) for other, n_slips in found if n_slips <= limit)
    return [(other, n_slips) for n_slips, other in near[:max_names]]


def _distance_ignoring_form(name: str, other: str, limit: int) -> int:
    """Two names that differ in case and underscores only, or in a word before or behind, are one slip apart."""
    if name.lower().replace("_", "") == other.lower().replace("_", ""):
        return 1
    short, long = sorted((name, other), key=len)
    if 3 <= len(short) and (long.startswith(f"{short}_") or long.endswith(f"_{short}")):
        return 1
    return distance(name, other, limit=limit)
