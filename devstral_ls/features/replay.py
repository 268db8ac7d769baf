"""A completion as data, and run again from it: whether the model says the same, to the last bit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from devstral_ls.cancel import CancelToken
from devstral_ls.config import Settings
from devstral_ls.engine.request import (
    Block,
    Completion,
    FinishReason,
    Generation,
    GenerationRequest,
    InfillPrompt,
    Priority,
)
from devstral_ls.errors import UsageError
from devstral_ls.features.inline_completion import Plan
from devstral_ls.features.name_costs import NameCosts
from devstral_ls.features.shape import shape_at
from devstral_ls.text import Document, Place

if TYPE_CHECKING:  # the engine comes with numpy and a tokenizer; a caller that has one has loaded them
    from devstral_ls.engine.face import Engine

FORMAT = 1
MAX_CHARACTERS = 1_000_000  # of a document; larger ones are not recorded
_CUT = frozenset({FinishReason.CANCELLED, FinishReason.SUPERSEDED, FinishReason.DEADLINE})


class Verdict(StrEnum):
    """How a replay compares with what was recorded."""

    BIT_EQUAL = "bit-equal"
    SAME_TEXT = "the same text, but other probabilities"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was said then and now."""

    then: tuple[Completion, ...]
    now: tuple[Completion, ...]

    @property
    def verdict(self) -> Verdict:
        if self.then == self.now:
            return Verdict.BIT_EQUAL
        is_same = [each.text for each in self.then] == [each.text for each in self.now]
        return Verdict.SAME_TEXT if is_same else Verdict.DIFFERENT


Known = Mapping[str, list[str] | None]


@dataclass(frozen=True, slots=True)
class _Remembered:
    """Stands for the semantics process: it knows what was looked up then."""

    of_members: Known
    of_keywords: Known

    def members(self, _place: Place, expression: str) -> frozenset[str] | None:
        return _as_set(self.of_members.get(expression))

    def keywords(self, _place: Place, callee: str) -> frozenset[str] | None:
        return _as_set(self.of_keywords.get(callee))


def recording(
    plan: Plan, generation: Generation, settings: Settings, facts: Mapping[str, object]
) -> dict[str, Any] | None:
    """All that `replay` needs, as JSON; None for what was cut from outside, which no replay could meet."""
    document, request = plan.place.document, plan.request
    if MAX_CHARACTERS < len(document.text) or any(each.finish in _CUT for each in generation.completions):
        return None
    if not generation.completions:
        return None
    return {
        "format": FORMAT,
        "model": settings.model,
        "provider": settings.provider,
        "n_threads": facts.get("n_threads", settings.n_threads),
        "place": {
            "uri": document.uri,
            "path": document.path,
            "language_id": document.language_id,
            "text": document.text,
            "offset": plan.place.offset,
        },
        "max_lines": plan.shape.max_lines,
        "prompt": asdict(request.prompt),
        "max_tokens": request.max_tokens,
        "n_best": request.n_best,
        "references": list(request.references),
        "project": asdict(plan.neighbours) if plan.neighbours and generation.metrics.has_project else None,
        "names": None if plan.names is None else plan.names.looked_up(),
        "said": [asdict(each) for each in generation.completions],
        "cache": generation.metrics.cache,
    }


def replay(recorded: Mapping[str, Any], engine: "Engine") -> Replayed:
    """Ask the model again, from nothing: no cache, no older answer, no deadline."""
    if recorded.get("format") != FORMAT:
        raise UsageError(f"recording {recorded.get('id')} is of another version of devstral-ls")
    try:
        request = replace(_request(recorded), project=_taught(recorded["project"], engine))
        then = tuple(map(Completion.of, recorded["said"]))
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise UsageError(f"recording {recorded.get('id')} is damaged ({type(error).__name__}: {error})") from error
    now = engine.generate_blocking(request, CancelToken()).completions
    return Replayed(then, now)


def _taught(project: Mapping[str, Any] | None, engine: "Engine") -> str:
    """What the engine calls the project's texts of then, once it has learned them."""
    if project is None:
        return ""
    engine.learn(project["key"], tuple(project["texts"])).result()
    return str(project["key"])


def _request(recorded: Mapping[str, Any]) -> GenerationRequest:
    told = recorded["place"]
    document = Document(told["uri"], told["text"], language_id=told["language_id"], path=told["path"])
    place = Place(document, told["offset"])
    blocks = tuple(Block(each["title"], each["text"]) for each in recorded["prompt"]["stable"])
    return GenerationRequest(
        prompt=InfillPrompt(**{**recorded["prompt"], "stable": blocks}),
        key="replay",
        priority=Priority.EXPLICIT,
        max_tokens=recorded["max_tokens"],
        stop=shape_at(place, recorded["max_lines"]).end_of,
        cost=None if recorded["names"] is None else remembered_names(place, recorded["names"]),
        n_best=recorded["n_best"],
        references=tuple(recorded["references"]),
    )


def remembered_names(place: Place, looked_up: Mapping[str, Known]) -> NameCosts:
    """The rule of `place` as it was when that had been looked up."""
    return NameCosts(place.document.path, 0, _Remembered(looked_up["members"], looked_up["keywords"]), place)


def _as_set(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
