"""Which commands there are, and how each way to fail becomes one line and an exit code.

0: done; 1: nothing to show, or something is broken; 2: bad input.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.main import get_command

from devstral_ls.cli import (
    complete,
    context,
    demo,
    doctor,
    evaluate,
    explain,
    fix,
    model,
    remote,
    replay,
    serve,
    setup,
    stats,
)
from devstral_ls.errors import DevstralError

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

# typer brings its own copy of click under a private name; these are its public way in.
_BadUsage: Any = typer.BadParameter.__mro__[2]
assert _BadUsage.__name__ == "ClickException"

app = typer.Typer(
    name="devstral-ls",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("complete")(complete.complete)
app.command("fix")(fix.fix)
app.command("explain")(explain.explain)
app.command("context")(context.context)
app.command("demo")(demo.demo)
app.command("eval")(evaluate.evaluate)
app.command("stats")(stats.stats)
app.command("replay")(replay.replay)
app.command("doctor")(doctor.doctor)
app.command("setup")(setup.setup)
app.add_typer(model.app, name="model")
app.add_typer(remote.app, name="remote")


@app.callback()
def devstral_ls(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Code completion from a model on your own machine, for every editor that speaks LSP."""
    if version:
        _print_version()


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    sys.excepthook = _report_defect
    try:
        # Not `app(...)`: that would put typer's own hook in the place of ours.
        code = get_command(app).main(list(arguments), prog_name="devstral-ls", standalone_mode=False)
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


def _print_version() -> None:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  only this flag needs it

    try:
        print(f"devstral-ls {version('devstral-ls')}")
    except PackageNotFoundError:
        print("devstral-ls from source, not installed")
    raise typer.Exit
