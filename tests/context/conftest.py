"""Fixtures of the context tests; the functions behind them are in `context_fixtures.py`."""

from context_fixtures import skeletons

__all__ = ["skeletons"]
