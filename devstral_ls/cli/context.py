"""`devstral-ls context FILE:LINE:COL`: what the model would see there, and why each piece of it."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cli.choices import Model, open_chosen_engine, settings_of
from devstral_ls.cli.files import Spot, read_document, root_of
from devstral_ls.errors import UsageError

if TYPE_CHECKING:  # for start-up: `--help` needs neither the parsers nor the model's tokenizer
    from devstral_ls.context.explanation import Explanation
    from devstral_ls.engine.face import Engine

INDEX_WAIT_S = 120.0
MAX_BUDGET_TOKENS = 131_072
_STYLES = {
    "stable": "cyan",
    "suffix": "magenta",
    "volatile": "yellow",
    "prefix": "green",
    "path": "bold cyan",
    "title": "bold",
    "aside": "bright_black",
}


class Task(StrEnum):
    """What the context is for; each has a budget of its own."""

    COMPLETE = "complete"
    FIX = "fix"
    EXPLAIN = "explain"


_BUDGET_TOKENS = {Task.COMPLETE: 2_048, Task.FIX: 8_192, Task.EXPLAIN: 8_192}


def context(
    spot: Annotated[str, typer.Argument(metavar="FILE:LINE:COL", help="Where the cursor stands, counted from 1.")],
    *,
    budget: Annotated[int, typer.Option("--budget", help="Tokens of the whole context; 0 chooses by the task.")] = 0,
    task: Annotated[Task, typer.Option("--task", help="What the context is for.")] = Task.COMPLETE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for other programs.")] = False,
    model: Model = "",
) -> None:
    """Show what the model would see at a position: the window by source, each piece, and what was left out.

    The exit code is 0, or 2 for bad input.
    """
    if not 0 <= budget <= MAX_BUDGET_TOKENS:
        raise UsageError(f"--budget is {budget}, but must be between 0 and {MAX_BUDGET_TOKENS}")
    n_tokens = budget or _BUDGET_TOKENS[task]
    engine = open_chosen_engine(settings_of(model=model))
    try:
        explanation = _explain(spot, n_tokens, task, engine)
    finally:
        engine.close()
    if as_json:
        print(json.dumps(asdict(explanation), ensure_ascii=False, indent=2))
    else:
        _show(explanation)


def _explain(spot: str, n_tokens: int, task: Task, engine: "Engine") -> "Explanation":
    from devstral_ls.context import Budget, Purpose, Sources, Workspace  # noqa: PLC0415  for start-up
    from devstral_ls.context.census import census  # noqa: PLC0415  for start-up
    from devstral_ls.context.explanation import explain  # noqa: PLC0415  for start-up

    parsed = Spot.parse(spot)
    place = parsed.place_in(read_document(parsed.path))
    suffix_tokens, stable_tokens = n_tokens * 15 // 100, n_tokens // 2
    shares = Budget(
        prefix_tokens=n_tokens - suffix_tokens - stable_tokens,
        suffix_tokens=suffix_tokens,
        stable_tokens=stable_tokens,
        count_tokens=engine.count_tokens,
        purpose=Purpose.TYPING if task is Task.COMPLETE else Purpose.READING,
    )
    with Workspace((root_of(parsed.path),)) as workspace:
        workspace.open_index(near=[place.document.path])
        if not workspace.wait_for_index(INDEX_WAIT_S):
            print("the index is not finished; what is shown may miss files", file=sys.stderr)
        files_left_out = census(workspace.indexed_paths())
        return explain(place, budget=shares, sources=Sources(workspace=workspace), files_left_out=files_left_out)


def _show(explanation: "Explanation") -> None:
    from rich.text import Text  # noqa: PLC0415  for start-up

    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up
    from devstral_ls.features.context_page import page  # noqa: PLC0415  for start-up

    console = terminal()
    for line in page(explanation):
        words = Text.assemble(*((run.words, _STYLES.get(run.role, "")) for run in line))
        # Only a screen has an edge: what goes into a file or a pipe is whole.
        console.print(words, no_wrap=True, overflow="ellipsis" if console.is_terminal else "ignore", crop=False)
