"""`devstral-ls fix PATH…`: the fixes that the checkers prove, with the exit codes of a linter."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.asking import ask, chosen_remote, errand_about
from devstral_ls.cli.checking import Workbench, read_declarations
from devstral_ls.cli.files import diff_of, files_below, read_document, suffixes_of, write_back
from devstral_ls.errors import DevstralError, RemoteError, UsageError

if TYPE_CHECKING:  # for start-up: `--help` needs no checkers
    from devstral_ls.checkers import Problem
    from devstral_ls.features.fixes import Cleaned

EXIT_LEFT, EXIT_BAD_INPUT = 1, 2
BUDGET_MS = 60_000  # of one file; from a terminal there is nobody typing
MAX_FILES = 10_000


@dataclass(slots=True)
class _Tally:
    """What was found in all files so far."""

    n_fixed: int = 0
    n_left: int = 0
    n_changed_files: int = 0
    n_refused: int = 0  # files that could not be read or written; the others go on


def fix(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders to look through for Python.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; say what would be fixed.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; print what would change.")] = False,
    select: Annotated[str, typer.Option(metavar="CODE,…", help="Only problems whose code starts so.")] = "",
    remote: Annotated[
        bool, typer.Option("--remote", help="Ask the remote model that you chose about what is left; proven as all is.")
    ] = False,
    checkers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Programs of yours that judge too, as JSON; they run in the project."),
    ] = None,
) -> None:
    """Apply the fixes that ruff, and ty where it is installed, prove: the problem is gone and none is new.

    With --remote, a bigger model elsewhere is asked about what is left, if you chose one and allowed the project.
    The exit code is 0 when nothing is left to fix, 1 when something is left or would be changed, 2 for bad input.
    """
    tally = _Tally()
    declarations = read_declarations(checkers) if checkers else ()
    workbench = Workbench(declarations)
    codes = tuple(code.strip() for code in select.split(",") if code.strip())
    suffixes = suffixes_of({"python", *(language for each in declarations for language in each.languages)})
    finish = _print_diff if diff else _leave if check else _write
    if remote:
        chosen_remote()  # or nothing is begun
    try:
        for path in _files(paths, suffixes, tally):
            try:
                cleaned, stopped = _cleaned(path, workbench, codes, is_remote=remote)
                finish(path, cleaned)
            except UsageError as error:
                _refuse(tally, error)
                continue
            if stopped is not None:
                _refuse(tally, stopped)
            _report(path, cleaned)
            _count(tally, cleaned)
    finally:
        workbench.close()
    changes_nothing = check or diff
    _summarise(tally, "would be fixed" if changes_nothing else "fixed")
    if tally.n_refused:
        raise typer.Exit(EXIT_BAD_INPUT)
    if tally.n_left or (tally.n_fixed and changes_nothing):
        raise typer.Exit(EXIT_LEFT)


def _cleaned(
    path: Path, workbench: Workbench, codes: tuple[str, ...], *, is_remote: bool
) -> "tuple[Cleaned, RemoteError | None]":
    """The text after its fixes, and why the remote model was not asked about all that is left."""
    from devstral_ls.features.fixes import fix_everything, is_clear  # noqa: PLC0415  for start-up

    def is_wanted(problem: "Problem") -> bool:
        return problem.code.startswith(codes) if codes else is_clear(problem)

    document = read_document(path)
    tools = workbench.tools_for(path, document)
    cleaned = fix_everything(document, tools, CancelToken(), budget_ms=BUDGET_MS, wanted=is_wanted)
    if not is_remote or not cleaned.left:
        return cleaned, None
    from devstral_ls.features.fixes_elsewhere import fix_what_is_left  # noqa: PLC0415  for start-up

    errand = errand_about(path, cleaned.document)
    return fix_what_is_left(cleaned, errand, tools, partial(ask, errand), is_wanted)


def _files(paths: list[Path], suffixes: tuple[str, ...], tally: _Tally) -> Iterator[Path]:
    """The files that are named, and those below the folders that are named; links are not followed."""
    n_files = 0
    for path in paths:
        if not path.exists():
            _refuse(tally, UsageError(f"there is no file or folder {path}"))
            continue
        for file in files_below(path, suffixes) if path.is_dir() else [path]:
            n_files += 1
            if MAX_FILES < n_files:
                raise UsageError(f"{path} leads to more than {MAX_FILES} files; name a smaller folder")
            yield file


def _refuse(tally: _Tally, error: DevstralError) -> None:
    """One line for one file."""
    tally.n_refused += 1
    print(f"devstral-ls: {error}", file=sys.stderr)


def _report(path: Path, cleaned: "Cleaned") -> None:
    for done in cleaned.fixes:
        print(f"{path}: {done.title}")
    lines = cleaned.document.lines
    for problem in cleaned.left:
        line = lines.line_of(problem.span.start)
        column = problem.span.start - lines.line_start(line)
        print(f"{path}:{line + 1}:{column + 1}: {problem.code} {problem.message.splitlines()[0]}")


def _print_diff(path: Path, cleaned: "Cleaned") -> None:
    print(diff_of(path, cleaned.original, cleaned.text), end="")


def _leave(_path: Path, _cleaned: "Cleaned") -> None:
    """Change nothing."""


def _write(path: Path, cleaned: "Cleaned") -> None:
    if cleaned.fixes:
        write_back(path, cleaned.original, cleaned.text)


def _count(tally: _Tally, cleaned: "Cleaned") -> None:
    tally.n_fixed += len(cleaned.fixes)
    tally.n_left += len(cleaned.left)
    tally.n_changed_files += bool(cleaned.fixes)


def _summarise(tally: _Tally, done: str) -> None:
    problems = "1 problem" if tally.n_fixed == 1 else f"{tally.n_fixed} problems"
    files = "1 file" if tally.n_changed_files == 1 else f"{tally.n_changed_files} files"
    print(f"{problems} {done} in {files}, {tally.n_left} left")
