"""Which commands there are, and how each way to fail becomes one line and an exit code.

0: done; 1: nothing to show, or something is broken; 2: bad input.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.main import get_command

from devstral_ls.cli import EXIT_INTERRUPTED
from devstral_ls.errors import DevstralError

EXIT_BAD_INPUT = 2

# typer brings its own copy of click under a private name; these are its public way in.
_BadUsage: Any = typer.BadParameter.__mro__[2]
assert _BadUsage.__name__ == "ClickException"

# Where each is, in the order of the help. Only what is asked for is imported: editors start `serve` while one waits.
COMMANDS = {
    "serve": "serve:serve",
    "complete": "complete:complete",
    "fix": "fix:fix",
    "explain": "explain:explain",
    "refactor": "refactor:refactor",
    "context": "context:context",
    "demo": "demo:demo",
    "eval": "evaluate:evaluate",
    "stats": "stats:stats",
    "replay": "replay:replay",
    "doctor": "doctor:doctor",
    "setup": "setup:setup",
    "model": "model:app",
    "remote": "remote:app",
}


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The command that the arguments name, or all commands where they name none."""
    named = next((each for each in arguments if not each.startswith("-")), "")
    app = typer.Typer(
        name="devstral-ls",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(devstral_ls)
    _add(app, [named] if named in COMMANDS else COMMANDS)
    return app


def _add(app: typer.Typer, names: Iterable[str]) -> None:
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        command: typer.Typer | Callable[..., None] = getattr(import_module(f"devstral_ls.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)


def _print_version(is_wanted: bool) -> None:  # noqa: FBT001  as typer calls it
    if not is_wanted:
        return
    from devstral_ls.release import version  # noqa: PLC0415  only this flag needs it

    print(f"devstral-ls {version()}")
    raise typer.Exit


def devstral_ls(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Code completion from a model on your own machine, for every editor that speaks LSP."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    sys.excepthook = _report_defect
    try:
        # Not `app(...)`: that would put typer's own hook in the place of ours.
        code = get_command(app_for(arguments)).main(
            list(arguments) or ["--help"], prog_name="devstral-ls", standalone_mode=False
        )
    except DevstralError as error:
        return _refuse(str(error))
    except _BadUsage as error:
        return _refuse(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; without this the interpreter complains when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def _refuse(message: str) -> int:
    line = " ".join(message.split()).rstrip(".")
    print(f"devstral-ls: {line}", file=sys.stderr)
    return EXIT_BAD_INPUT


def _report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The last line of a run that failed by a mistake of ours."""
    where = ""
    while trace is not None:
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    print(f"devstral-ls: internal error, {kind.__name__}: {error} ({where}); this is a defect", file=sys.stderr)
