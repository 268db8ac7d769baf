"""`devstral-ls eval [REPO]`: your own code as the benchmark."""

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.choices import Model, Provider, Threads, open_chosen_engine, settings_of
from devstral_ls.cli.files import read_document
from devstral_ls.cli.repository_tests import COMMAND, LIMIT_S, RepositoryTests
from devstral_ls.config import Settings
from devstral_ls.errors import UsageError
from devstral_ls.text import apply_edits

if TYPE_CHECKING:  # for start-up: `--help` needs neither the parsers nor the model runtime
    from devstral_ls.context import Sources
    from devstral_ls.engine.face import Engine
    from devstral_ls.features.holes import Hole
    from devstral_ls.features.outcome import Outcome
    from devstral_ls.features.scores import Score

N_HOLES = 100
MAX_HOLES_PER_FILE = 4
MAX_FILES = 5_000
DEADLINE_MS = 10_000
_LEFT_OUT = {"venv", "site-packages", "node_modules", "build", "dist", "__pycache__"}


def evaluate(
    repository: Annotated[Path, typer.Argument(metavar="[REPO]", help="The folder whose code is used.")] = Path(),
    *,
    n_holes: Annotated[int, typer.Option("-n", min=1, help="How many cursor positions.")] = N_HOLES,
    seed: Annotated[int, typer.Option(help="Another seed takes other positions.")] = 0,
    model: Model = "",
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FOLDER|SETTING=VALUE", help="A second model or other settings to compare with."),
    ] = None,
    eagerness: Annotated[str, typer.Option(metavar="eager|balanced|quiet", help="As the setting.")] = "balanced",
    provider: Provider = "cpu",
    threads: Threads = 0,
    from_git: Annotated[
        bool, typer.Option("--from-git", help="Take positions from the last commits: what was really typed next.")
    ] = False,
    run_tests: Annotated[
        bool, typer.Option("--run-tests", help="Let the repository's own tests judge what differs; this runs its code.")
    ] = False,
    test_command: Annotated[str, typer.Option(help="How the tests are run, in a copy of the repository.")] = COMMAND,
    test_seconds: Annotated[int, typer.Option(min=1, help="After so long the tests have failed.")] = LIMIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print every position's score as JSON.")] = False,
) -> None:
    """Measure suggestions on your own code: take out what you wrote and see whether it is suggested.

    Nothing is executed without --run-tests, and nothing leaves this machine.
    """
    if from_git and run_tests:
        raise UsageError("--run-tests needs the files as they are now, so it does not go with --from-git")
    holes = _holes(repository, n_holes, seed, from_git=from_git)
    given = {"model": model, "eagerness": eagerness, "provider": provider, "n_threads": threads}
    before = settings_of(**given, deadline_ms=DEADLINE_MS)
    both = [before, _changed(before, against)] if against else [before]
    with RepositoryTests(repository, test_command, test_seconds) if run_tests else nullcontext() as tests:
        runs = [list(_run(holes, repository, settings, tests)) for settings in both]
    if as_json:
        print(json.dumps([[asdict(score) for score in run] for run in runs], indent=1))
        return
    for settings, run in zip(both, runs, strict=True):
        _draw(settings.model or "the model in use", run)
    if against:
        _draw_difference(runs[0], runs[1])


def _changed(settings: Settings, words: Sequence[str]) -> Settings:
    """The settings with those in `words`, of which one without `=` is a model."""
    pairs = (word.partition("=") if "=" in word else ("model", "=", word) for word in words)
    changed, problems = settings.changed_by({name: _value(text) for name, _, text in pairs})
    if problems:
        raise UsageError(problems[0])
    return changed


def _value(text: str) -> object:
    """A setting's value as it is written: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _holes(repository: Path, n_holes: int, seed: int, *, from_git: bool) -> "list[Hole]":
    """The same positions for the same seed, a few of each file."""
    from devstral_ls.cli.written_lines import holes_in_history  # noqa: PLC0415  for start-up
    from devstral_ls.features.holes import holes_in  # noqa: PLC0415  for start-up

    if not repository.is_dir():
        raise UsageError(f"there is no folder {repository}")
    rng = random.Random(seed)  # noqa: S311  a sample, not a secret
    holes: list[Hole] = holes_in_history(repository, rng, n_holes) if from_git else []
    files = [] if from_git else sorted(_python_files(repository))
    rng.shuffle(files)
    for file in files:
        if n_holes <= len(holes):
            break
        holes += _holes_of(file, rng, holes_in)
    if not holes:
        raise UsageError(f"{repository} holds no Python code to evaluate on")
    return holes[:n_holes]


def _holes_of(file: Path, rng: random.Random, holes_in: "Callable[..., list[Hole]]") -> "list[Hole]":
    try:
        document = read_document(file)
    except UsageError:  # binary, huge or not UTF-8: no code to evaluate on
        return []
    return holes_in(document, rng, MAX_HOLES_PER_FILE)


def _python_files(repository: Path) -> Iterator[Path]:
    """The repository's own files: no hidden folders, environments or builds."""
    n_files = 0
    for folder, folders, names in os.walk(repository):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _LEFT_OUT]
        for name in names:
            if name.endswith(".py") and n_files < MAX_FILES:
                n_files += 1
                yield Path(folder) / name


def _run(
    holes: "Sequence[Hole]", repository: Path, settings: Settings, tests: RepositoryTests | None
) -> "Iterator[Score]":
    """Ask once for each hole, one after the other; the first answer, which loads the model, is not measured."""
    from devstral_ls.context import Sources, Workspace  # noqa: PLC0415  for start-up

    engine = open_chosen_engine(settings)
    # Each file is asked about as a file of its own project: there it has the path by which it is left out of the rest.
    sources = {root: Sources(workspace=Workspace((root,))) for root in set(map(_root_of, holes))}
    try:
        _ask(holes[0], engine, sources[_root_of(holes[0])], settings)
        for hole in holes:
            score, outcome = _ask(hole, engine, sources[_root_of(hole)], settings)
            passes = _verdict(hole, outcome, repository, tests) if tests and score.is_shown else None
            yield replace(score, passes_tests=passes)
    finally:
        engine.close()


def _verdict(hole: "Hole", outcome: "Outcome", repository: Path, tests: RepositoryTests) -> bool | None:
    """What the repository's tests say of the best suggestion; what its author wrote passes without them."""
    edit = outcome.suggestions[0].edit
    if edit.new_text == hole.expected and not edit.span:
        return True
    document = hole.place.document
    path = (_root_of(hole) / document.path).relative_to(repository.resolve())
    return tests.verdict(path, hole=document.text, filled=apply_edits(document.text, [edit]))


def _ask(hole: "Hole", engine: "Engine", sources: "Sources", settings: Settings) -> "tuple[Score, Outcome]":
    from devstral_ls.engine.request import Priority  # noqa: PLC0415  for start-up
    from devstral_ls.features.inline_completion import suggest_blocking  # noqa: PLC0415  for start-up
    from devstral_ls.features.project import teach  # noqa: PLC0415  for start-up
    from devstral_ls.features.scores import score  # noqa: PLC0415  for start-up

    teach(hole.place.document, engine, sources)
    start_s = time.perf_counter()
    outcome = suggest_blocking(
        hole.place,
        engine=engine,
        sources=sources,
        settings=settings,
        cancel=CancelToken(),
        priority=Priority.TYPING,
    )
    return score(hole, outcome, 1e3 * (time.perf_counter() - start_s)), outcome


def _root_of(hole: "Hole") -> Path:
    from devstral_ls.server.workspace import file_path  # noqa: PLC0415  for start-up

    document = hole.place.document
    file = file_path(document.uri)
    assert file is not None
    return file.parents[len(PurePosixPath(document.path).parts) - 1]


def _draw(name: str, scores: "Sequence[Score]") -> None:
    """One table: each kind of position in a row, all together in the last."""
    from rich.table import Table  # noqa: PLC0415  for start-up

    from devstral_ls.cli.ghost import terminal  # noqa: PLC0415  for start-up
    from devstral_ls.features.holes import Kind  # noqa: PLC0415  for start-up

    table = Table(title=f"{name}: {len(scores)} positions", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("position", "asked", "shown", "first line exact", "similar", "kept", "p50", "p95", "tests pass"):
        table.add_column(heading, justify="left" if heading == "position" else "right")
    for kind in Kind:
        of_kind = [each for each in scores if each.kind is kind]
        if of_kind:
            table.add_row(kind, *_cells(of_kind))
    table.add_section()
    table.add_row("[bold]all[/]", *_cells(scores))
    terminal().print("", table)


def _cells(scores: "Sequence[Score]") -> list[str]:
    from devstral_ls.features.scores import interval, percentile  # noqa: PLC0415  for start-up

    exact = interval([float(each.is_exact) for each in scores])
    latencies = [each.latency_ms for each in scores]
    return [
        str(len(scores)),
        f"{sum(each.is_shown for each in scores) / len(scores):.0%}",
        f"{exact.mean:.1%} ({exact.low:.0%} to {exact.high:.0%})",
        f"{sum(each.similarity for each in scores) / len(scores):.2f}",
        f"{sum(each.n_kept for each in scores) / len(scores):.1f}",
        f"{percentile(latencies, 0.5):.0f} ms",
        f"{percentile(latencies, 0.95):.0f} ms",
        _tests_passed([each.passes_tests for each in scores if each.passes_tests is not None]),
    ]


def _tests_passed(verdicts: "Sequence[bool]") -> str:
    return f"{sum(verdicts)} of {len(verdicts)}" if verdicts else ""


def _draw_difference(before: "Sequence[Score]", after: "Sequence[Score]") -> None:
    """What the second model does better on the same positions, with 95 % confidence."""
    from devstral_ls.features.scores import difference  # noqa: PLC0415  for start-up

    print("\nthe second model compared with the first (95 % confidence):")
    for words, value in (
        ("first line exact", lambda score: 100.0 * score.is_exact),
        ("similarity, percent", lambda score: 100.0 * score.similarity),
        ("characters kept", lambda score: float(score.n_kept)),
        ("latency, ms", lambda score: score.latency_ms),
    ):
        found = difference(before, after, value)
        verdict = "no clear difference" if found.low <= 0 <= found.high else ("more" if found.mean > 0 else "less")
        print(f"  {words:<20} {found.mean:+7.2f}  ({found.low:+.2f} to {found.high:+.2f})  {verdict}")
