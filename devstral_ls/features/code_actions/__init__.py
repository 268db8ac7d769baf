"""Code actions: one module each, with `KIND`, `offer` and `resolve`. `offer` has no model to run."""

import logging
from types import ModuleType

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import Cancelled
from devstral_ls.features.code_actions import body, cases, docstring, fix, fix_all, hints, simplify, unit_tests
from devstral_ls.features.code_actions.action import Asked, Offer
from devstral_ls.features.fixes import Tools
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document

__all__ = ["KINDS", "Asked", "Offer", "offers", "resolve"]

_LOGGER = logging.getLogger(__name__)
_ACTIONS: dict[str, ModuleType] = {"fix": fix, "fix_all": fix_all, "docstring": docstring, "body": body}
_ACTIONS |= {"hints": hints, "cases": cases, "simplify": simplify, "unit_tests": unit_tests}
KINDS: tuple[str, ...] = tuple(action.KIND for action in _ACTIONS.values())


def offers(asked: Asked, tools: Tools, cancel: CancelToken) -> list[Offer]:
    """Everything that can be done at the span; an action that fails is left out, not the whole menu."""
    found: list[Offer] = []
    for name, action in _ACTIONS.items():
        if not asked.wants(action.KIND):
            continue
        try:
            found += action.offer(asked, tools, cancel)
        except Cancelled:
            raise
        except Exception:
            _LOGGER.exception("the code action %s failed", name)
    return found


def resolve(offer: Offer, document: Document, tools: Tools, writer: Writer | None) -> Offer | None:
    """The offer with its edits, or None when nothing could be proven."""
    action = _ACTIONS.get(offer.action)
    resolved: Offer | None = action.resolve(offer, document, tools, writer) if action else None
    return resolved
