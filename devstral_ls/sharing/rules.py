"""The rules of a request as they cross the border: a stop rule that is a value of ours travels, others stay.

A rule that stays is asked through a question for each token, which is exact but costs a round trip.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from devstral_ls.engine.request import StopRule
from devstral_ls.features.endings import BlockEnd, DocstringEnd, LineEnd, NameEnd
from devstral_ls.features.nesting import Nesting
from devstral_ls.features.shape import Extent, Shape

Json = dict[str, Any]

_PLAIN: dict[str, Callable[..., StopRule]] = {
    "block": BlockEnd,
    "docstring": DocstringEnd,
    "line": LineEnd,
    "name": NameEnd,
}


def rule_data(rule: StopRule) -> Json | None:
    """What names the rule on the other side, or None where it has to stay."""
    if isinstance(rule, Shape):
        return {"rule": "shape", **asdict(rule), "extent": rule.extent.value}
    if isinstance(rule, (BlockEnd, DocstringEnd, LineEnd, NameEnd)):
        name = next(name for name, kind in _PLAIN.items() if type(rule) is kind)
        return {"rule": name, **asdict(rule)}
    return None


def rule_of(data: Json) -> StopRule:
    """The rule that `rule_data` named."""
    given = {name: value for name, value in data.items() if name != "rule"}
    if data["rule"] == "shape":
        nestings = {name: Nesting(**given[name]) for name in ("nesting", "rest")}
        return Shape(**{**given, **nestings, "extent": Extent(given["extent"])})
    return _PLAIN[data["rule"]](**given)
