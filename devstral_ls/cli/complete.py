"""`devstral-ls complete FILE:LINE:COL`: what an editor would propose there."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.choices import Model, Provider, Threads, open_chosen_engine, settings_of
from devstral_ls.cli.files import Spot, read_document, root_of
from devstral_ls.config import Settings
from devstral_ls.text import Place

if TYPE_CHECKING:  # for start-up: `--help` needs neither the parsers nor the model runtime
    from devstral_ls.engine.face import Engine
    from devstral_ls.engine.request import Metrics
    from devstral_ls.features.outcome import Outcome, Suggestion

EXIT_SILENT = 1
# From a terminal there is nobody typing: better late than cut.
DEADLINE_MS = 30_000


def complete(
    spot: Annotated[str, typer.Argument(metavar="FILE:LINE:COL", help="Where the cursor stands, counted from 1.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for other programs.")] = False,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Show the completion at a position of a file.

    In a terminal the code is shown with the suggestion dimmed in it; into a pipe goes the suggested text alone.
    The exit code is 0 with a suggestion, 1 without one and 2 for bad input.
    """
    place = _place(spot)
    settings = settings_of(model=model, provider=provider, n_threads=threads, deadline_ms=DEADLINE_MS)
    engine = open_chosen_engine(settings)
    try:
        outcome = _ask(place, spot, engine, settings)
        if as_json:
            _print_json(place, outcome)
        else:
            _show(place, outcome, str(engine.facts()["model"]))
    finally:
        engine.close()
    if not outcome.suggestions:
        raise typer.Exit(EXIT_SILENT)


def _place(spot: str) -> Place:
    parsed = Spot.parse(spot)
    return parsed.place_in(read_document(parsed.path))


def _ask(place: Place, spot: str, engine: "Engine", settings: Settings) -> "Outcome":
    from devstral_ls.context import Sources, Workspace  # noqa: PLC0415  for start-up
    from devstral_ls.features.inline_completion import suggest_blocking  # noqa: PLC0415  for start-up
    from devstral_ls.features.project import teach  # noqa: PLC0415  for start-up

    sources = Sources(workspace=Workspace((root_of(Spot.parse(spot).path),)))
    teach(place.document, engine, sources)
    return suggest_blocking(place, engine=engine, sources=sources, settings=settings, cancel=CancelToken())


def _show(place: Place, outcome: "Outcome", model: str) -> None:
    """For people: code with ghost text in a terminal, the bare text in a pipe, the reason for silence beside them."""
    if not outcome.suggestions:
        print(f"nothing to suggest: {outcome.silence}", file=sys.stderr)
    elif not sys.stdout.isatty():
        print(outcome.suggestions[0].text)
    else:
        from devstral_ls.cli.ghost import ghost_text, terminal  # noqa: PLC0415  for start-up

        console = terminal()
        console.print(ghost_text(place.document, outcome.suggestions[0].edit))
        console.print(_summary(model, outcome), style="dim")


def _summary(model: str, outcome: "Outcome") -> str:
    facts = [model, *(_metrics_words(outcome.metrics) if outcome.metrics else ())]
    n_others = len(outcome.suggestions) - 1
    if n_others:
        facts.append(f"{n_others} more with --json")
    return " " + " · ".join(facts)


def _metrics_words(metrics: "Metrics") -> list[str]:
    return [
        f"{metrics.total_ms:.0f} ms",
        f"{metrics.n_prompt_tokens} tokens read, first word after {metrics.first_token_ms:.0f} ms",
    ]


def _print_json(place: Place, outcome: "Outcome") -> None:
    answer = {
        "suggestions": [_suggestion_json(place, each) for each in outcome.suggestions],
        "silence": outcome.silence,
        "metrics": outcome.metrics.record() if outcome.metrics else None,
    }
    print(json.dumps(answer, ensure_ascii=False, indent=2))


def _suggestion_json(place: Place, suggestion: "Suggestion") -> dict[str, object]:
    """One suggestion with the columns that it replaces, counted from 1."""
    line_start = place.document.lines.line_start(place.line)
    return {
        "text": suggestion.text,
        "line": place.line + 1,
        "from_column": suggestion.edit.span.start - line_start + 1,
        "to_column": suggestion.edit.span.end - line_start + 1,
        "mean_logprob": suggestion.mean_logprob,
        "min_logprob": suggestion.min_logprob,
    }
