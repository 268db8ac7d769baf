"""Fix everything that is certain, for code actions on save; nothing is offered when nothing is certain.

Before: `return jsn.loads(x)` with `import json` above, and `def area(self)` without its colon.
After: both right.
"""

from collections.abc import Iterator

from devstral_ls.cancel import CancelToken
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.fixes import Tools, fix_everything, line_edits
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Span

KIND = "source.fixAll.devstral"
BUDGET_MS = 700  # editors wait for this while they save


def offer(asked: Asked, tools: Tools, cancel: CancelToken) -> Iterator[Offer]:
    """Only where it is asked for by name: it speaks of the whole text, not of the cursor."""
    if not asked.only:
        return
    cleaned = fix_everything(asked.document, tools, cancel, budget_ms=BUDGET_MS)
    if not cleaned.fixes:
        return
    count = "1 problem" if len(cleaned.fixes) == 1 else f"{len(cleaned.fixes)} problems"
    yield Offer(
        action="fix_all",
        kind=KIND,
        title=f"Fix {count} · verified by {' and '.join(cleaned.fixes[0].proof.checked_by)}",
        span=Span(0, len(asked.document.text)),
        edits=tuple(line_edits(asked.document.text, cleaned.text)),
    )


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:  # noqa: ARG001
    """It came with its edits."""
    return offer if offer.edits else None
