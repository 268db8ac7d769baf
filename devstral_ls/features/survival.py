"""Whether what was accepted is still there: the measure of a suggestion that its author did not regret."""

from difflib import SequenceMatcher

MIN_SIMILARITY = 0.5  # an edit distance below half of it
MAX_CHARACTERS = 2_000  # of an accepted text that are looked for
N_LINES_AROUND = 60  # where it is looked for, from where it was accepted


def is_alive(accepted: str, text: str, line: int) -> bool:
    """Whether `text`, near `line`, still says about what was accepted there."""
    wanted = accepted.strip()[:MAX_CHARACTERS]
    if not wanted or wanted in text:
        return True
    lines = text.splitlines()
    n_lines = wanted.count("\n") + 1
    starts = range(max(0, line - N_LINES_AROUND), min(len(lines), line + N_LINES_AROUND))
    return any(_is_like(wanted, "\n".join(lines[start : start + n_lines])) for start in starts)


def _is_like(wanted: str, found: str) -> bool:
    """Whether `found` holds `wanted` with less than half of it changed."""
    matcher = SequenceMatcher(None, wanted, found.strip(), autojunk=False)
    n_same = sum(block.size for block in matcher.get_matching_blocks() if 1 < block.size)
    return MIN_SIMILARITY * len(wanted) < n_same
