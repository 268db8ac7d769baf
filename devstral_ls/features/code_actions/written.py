"""What is written becomes an offer only when no checker finds anything new in it."""

import time
from collections.abc import Sequence
from dataclasses import replace

from devstral_ls.checkers import Topic, topic_of
from devstral_ls.features.code_actions.action import Offer
from devstral_ls.features.fixes import Tools
from devstral_ls.features.verification import examine, keeps_clean
from devstral_ls.text import Document, Edit


def accepted(
    offer: Offer,
    document: Document,
    tools: Tools,
    candidates: Sequence[tuple[Edit, ...]],
) -> Offer | None:
    """The offer with the first of `candidates` that makes no problem; None when each makes one."""
    start_s = time.monotonic()
    baseline = examine(document, tools.checkers)
    if any(topic_of(problem) is Topic.SYNTAX for problem in baseline.problems):
        return None
    for edits in candidates:
        proof = keeps_clean(baseline, edits)
        if proof.is_proven:
            elapsed_ms = (time.monotonic() - start_s) * 1e3
            judges = " and ".join(proof.checked_by)
            author = "generated; " if offer.is_generated else ""
            title = f"{offer.title} · {author}{judges} find nothing new wrong, {elapsed_ms:.0f} ms"
            return replace(offer, title=title, edits=edits)
    return None
