"""Inline completion: what to ask the model at a cursor, and what of its answer to propose.

`suggest` and `suggest_blocking` differ only in how they wait for the engine; all decisions are pure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstral_ls.cancel import CancelToken
from devstral_ls.config import Settings
from devstral_ls.context import Budget, Context, Neighbours, Sources, gather
from devstral_ls.engine.request import (
    Block,
    Completion,
    FinishReason,
    Generation,
    GenerationRequest,
    InfillPrompt,
    LineEnd,
    Priority,
)
from devstral_ls.features.budgets import infill_tokens, is_read_in_a_pause, typing_tokens
from devstral_ls.features.clean import Rejected, clean
from devstral_ls.features.confidence import THRESHOLDS, Threshold
from devstral_ls.features.memory import SuggestionMemory
from devstral_ls.features.name_costs import NameCosts, name_costs
from devstral_ls.features.names import has_unknown_name
from devstral_ls.features.outcome import Outcome, Silence, Suggestion, silent
from devstral_ls.features.placement import breaks_syntax
from devstral_ls.features.project import taught
from devstral_ls.features.shape import Extent, Shape, shape_at
from devstral_ls.text import Document, Place

if TYPE_CHECKING:  # the engine comes with numpy and a tokenizer; a caller that has one has loaded them
    from devstral_ls.engine.face import Engine

MAX_PREFIX_TOKENS = 1024
MAX_SUFFIX_TOKENS = 256
# Of what a hole is shown in; signatures get the rest (benchmarks/results/embedded_model_prompt_length.json).
PREFIX_SHARE, SUFFIX_SHARE = 0.375, 0.3125
MAX_LINE_TOKENS = 48
MAX_BLOCK_TOKENS = 160
MAX_CANDIDATES = 3
MAX_REFERENCE_CHARACTERS = 60_000  # of the document on each side of the windows: searched, not read
_MARKER_TOKENS = 64  # titles of pieces, markers, the end token
MAX_CHARACTERS_TO_THE_RIGHT = 8  # more than closers and a colon means that the line is being edited, not written
_CLOSERS = re.compile(r"[\s)\]}\"'`:,;]*")


@dataclass(frozen=True, slots=True)
class Plan:
    """One decided request, with what is needed to judge the answer."""

    place: Place
    shape: Shape
    request: GenerationRequest
    threshold: Threshold | None  # None where somebody asked for it
    names: NameCosts | None  # None where nothing is known of names
    neighbours: Neighbours | None = None  # what the request calls its project, where that has been read


Watch = Callable[[Plan, Generation], None]


async def suggest(
    place: Place,
    *,
    engine: "Engine",
    sources: Sources,
    settings: Settings,
    cancel: CancelToken,
    key: str,
    priority: Priority = Priority.TYPING,
    memory: SuggestionMemory | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """What to propose at `place`; a newer request with the same `key` supersedes this one.

    What `memory` holds already is answered without the model, and what is found is kept there.
    `watch` is shown what the model was asked and what it said.
    """
    remembered = memory.recall(place, settings, priority) if memory else None
    if remembered is not None:
        return remembered
    planned = plan(place, engine=engine, sources=sources, settings=settings, key=key, priority=priority)
    if isinstance(planned, Silence):
        return silent(planned)
    generation = await engine.generate(planned.request, cancel)
    if watch is not None:
        watch(planned, generation)
    outcome = judge(planned, generation)
    if memory is not None:
        memory.remember(place, outcome, settings, priority)
    return outcome


def suggest_blocking(
    place: Place,
    *,
    engine: "Engine",
    sources: Sources,
    settings: Settings,
    cancel: CancelToken,
    key: str = "",
    priority: Priority = Priority.EXPLICIT,
) -> Outcome:
    """As `suggest`, for callers without an event loop."""
    planned = plan(place, engine=engine, sources=sources, settings=settings, key=key, priority=priority)
    if isinstance(planned, Silence):
        return silent(planned)
    return judge(planned, engine.generate_blocking(planned.request, cancel))


def plan(
    place: Place, *, engine: "Engine", sources: Sources, settings: Settings, key: str, priority: Priority
) -> Plan | Silence:
    """What to ask the model, or why not to ask it."""
    reason = _reason_not_to_ask(place, priority)
    if reason is not None:
        return reason
    shape = shape_at(place, settings.max_lines)
    context = _context(place, engine, sources, settings)
    if context is None:
        return Silence.SECRETS
    names = name_costs(place, sources) if settings.known_names_only and not shape.nesting.quote else None
    neighbours = taught(place.document, engine, sources) if settings.context_tokens else None
    request = GenerationRequest(
        prompt=_prompt(place.document, context),
        key=key,
        priority=priority,
        max_tokens=_max_tokens(shape),
        deadline_ms=settings.deadline_ms,
        stop=shape,
        cost=names,
        references=_elsewhere(place, context),
        project=neighbours.key if neighbours else "",
        n_best=MAX_CANDIDATES if priority is Priority.EXPLICIT else 1,
    )
    threshold = None if priority is Priority.EXPLICIT else THRESHOLDS[settings.eagerness]
    return Plan(place, shape, request, threshold, names, neighbours)


def prompt_ahead(
    place: Place, *, engine: "Engine", sources: Sources, settings: Settings, key: str
) -> GenerationRequest | None:
    """What the model would be shown if somebody typed at `place`, to be read before; None where that is nothing."""
    if not place.document.text.strip():
        return None
    context = _context(place, engine, sources, settings)
    if context is None:
        return None
    if settings.context_tokens:
        taught(place.document, engine, sources)
    return GenerationRequest(prompt=_prompt(place.document, context), key=key)


def judge(plan: Plan, generation: Generation) -> Outcome:
    """The suggestions worth showing of what the model said, each once, or why there are none."""
    suggestions: dict[str, Suggestion] = {}
    reason = Silence.CANCELLED
    for completion in generation.completions:
        judged = _judge_one(plan, completion)
        if isinstance(judged, Suggestion):
            suggestions.setdefault(judged.text, judged)
        elif reason is Silence.CANCELLED:
            reason = judged
    if not suggestions:
        return silent(reason, generation.metrics)
    return Outcome(tuple(suggestions.values()), None, generation.metrics)


def _judge_one(plan: Plan, completion: Completion) -> Suggestion | Silence:
    if completion.finish in {FinishReason.CANCELLED, FinishReason.SUPERSEDED}:
        return Silence.CANCELLED
    text, shape = completion.text, plan.shape
    sure = completion if plan.threshold is None else plan.threshold.sure_part(completion, shape.line_ends(text))
    if sure is None:
        return Silence.UNSURE
    if isinstance(sure, LineEnd):
        text, is_whole = text[: sure.end], True
    else:
        is_whole = completion.finish in {FinishReason.END, FinishReason.STOPPED}
    cleaned = clean(plan.place, text, shape, is_whole=is_whole, breaks=breaks_syntax)
    if isinstance(cleaned, Rejected):
        return Silence.REPEATS_ITSELF if completion.finish is FinishReason.REPEATED else cleaned.reason
    if unknown := _unknown(plan, cleaned.new_text):
        return unknown
    return Suggestion(cleaned, sure.mean_logprob, sure.min_logprob)


def _unknown(plan: Plan, text: str) -> Silence | None:
    """Which kind of name `text` uses that does not exist."""
    if not plan.shape.nesting.quote and has_unknown_name(plan.place, text):
        return Silence.UNKNOWN_NAME
    if plan.names is not None and plan.names.names_unknown_member(text):
        return Silence.UNKNOWN_MEMBER
    if plan.names is not None and plan.names.names_unknown_keyword(text):
        return Silence.UNKNOWN_KEYWORD
    return None


def _reason_not_to_ask(place: Place, priority: Priority) -> Silence | None:
    """Why the model could say nothing useful at `place`, decided from the text alone."""
    if not place.document.text.strip():
        return Silence.NOTHING_TO_GO_ON
    right = place.line_after
    if right[:1].isidentifier() or right[:1].isdigit():
        return Silence.MID_WORD
    is_between_code = _CLOSERS.fullmatch(right) is None or MAX_CHARACTERS_TO_THE_RIGHT < len(right.strip())
    if is_between_code and priority is not Priority.EXPLICIT:
        return Silence.TEXT_TO_THE_RIGHT
    return None


def _context(place: Place, engine: "Engine", sources: Sources, settings: Settings) -> Context | None:
    """What the model is shown; None of a file that may hold secrets."""
    context = gather(place, budget=budget_for(engine, settings), sources=sources)
    return context if context.prefix or not place.before else None


def _prompt(document: Document, context: Context) -> InfillPrompt:
    """The context as the engine takes it; the model has only ever seen plain line feeds."""
    return InfillPrompt(
        stable=tuple(Block(piece.path, piece.text) for piece in context.stable),
        title=document.path,
        suffix=_with_plain_breaks(context.suffix),
        volatile=context.volatile,
        prefix=_with_plain_breaks(context.prefix),
    )


def _elsewhere(place: Place, context: Context) -> tuple[str, ...]:
    """The text of this document that the windows leave out; it stays the same while the user types."""
    before = place.before[: len(place.before) - len(context.prefix)]
    after = place.after[len(context.suffix) :]
    nearest = (before[-MAX_REFERENCE_CHARACTERS:], after[:MAX_REFERENCE_CHARACTERS])
    return tuple(_with_plain_breaks(text) for text in nearest if text.strip())


def budget_for(engine: "Engine", settings: Settings) -> Budget:
    """How what the model sees around a hole is shared; what is nearest to the cursor is served first.

    It is the same for a line and for a body, so that the windows do not move where one follows the other.
    """
    n_tokens = infill_tokens(engine)
    left = n_tokens - min(MAX_BLOCK_TOKENS + _MARKER_TOKENS, n_tokens // 2)
    prefix_tokens = min(MAX_PREFIX_TOKENS, int(left * PREFIX_SHARE))
    suffix_tokens = min(MAX_SUFFIX_TOKENS, int(left * SUFFIX_SHARE))
    windows = prefix_tokens + suffix_tokens
    stable_tokens = min(typing_tokens(engine, settings.context_tokens), left - windows)
    return Budget(
        prefix_tokens=prefix_tokens,
        suffix_tokens=suffix_tokens,
        stable_tokens=stable_tokens,
        count_tokens=engine.count_tokens,
        is_costly_to_change=not is_read_in_a_pause(engine, stable_tokens + windows),
    )


def _max_tokens(shape: Shape) -> int:
    return MAX_LINE_TOKENS if shape.extent is Extent.LINE else MAX_BLOCK_TOKENS


def _with_plain_breaks(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
