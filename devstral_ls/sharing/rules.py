"""The rules of a request as they cross the border: those that are values of ours travel, others stay.

Of what names cost, the text travels; what is known of a name is asked where it is needed, and once.
A rule that stays is asked through a question for each token, which is exact but costs a round trip.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from devstral_ls.engine.request import CostRule, StopRule
from devstral_ls.features.endings import BlockEnd, DocstringEnd, LineEnd, NameEnd
from devstral_ls.features.name_costs import NameCosts
from devstral_ls.features.naming import Known, Naming, Part
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


def cost_data(rule: CostRule) -> Json | None:
    """What travels of a cost rule, or None where all of it has to stay."""
    if not isinstance(rule, NameCosts):
        return None
    naming = rule.naming
    return {"typed": naming.typed, "above": naming.above, "parts": sorted(part.value for part in naming.parts)}


def naming_of(data: Json, known: Known) -> Naming:
    """The rule that `cost_data` took apart; what is known of names comes from `known`."""
    return Naming(data["typed"], data["above"], known, frozenset(map(Part, data["parts"])))


def known_to(rule: CostRule, kind: str, name: str) -> list[str] | None:
    """What a rule that stayed knows of a name: its "members", its "keywords", or all free-standing "names"."""
    if not isinstance(rule, NameCosts):
        return None
    found = rule.names() if kind == "names" else rule.members(name) if kind == "members" else rule.keywords(name)
    return None if found is None else list(found)
