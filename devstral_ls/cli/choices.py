"""The options that several commands share, and the engine that they choose."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devstral_ls.config import Settings
from devstral_ls.errors import UsageError

if TYPE_CHECKING:  # for start-up: `--help` does not need the model runtime
    from devstral_ls.engine.face import Engine

Model = Annotated[str, typer.Option(metavar="NAME|FOLDER", help="The model; without it, the embedded one.")]
Provider = Annotated[str, typer.Option(metavar="cpu|cuda|coreml", help="Where ONNX Runtime runs it.")]


def _whole_number(given: str | int) -> int:
    """The number that was written; typer also passes the default through here."""
    text = str(given)
    if not text.isascii() or not text.isdigit():
        raise typer.BadParameter(f"{text!r} is not a whole number")
    return int(text)


Threads = Annotated[
    int,
    typer.Option(metavar="N", parser=_whole_number, help="Threads of the model; 0 chooses from the cores."),
]


def settings_of(**given: Any) -> Settings:
    """Settings from options, or an error that names the first wrong one."""
    settings, problems = Settings.parse(given)
    if problems:
        raise UsageError(problems[0])
    return settings


def chosen_bundle(settings: Settings) -> Path:
    """The folder of the chosen model."""
    from devstral_ls.engine import resolve_bundle  # noqa: PLC0415  for start-up

    return resolve_bundle(settings.model)


def open_chosen_engine(settings: Settings) -> "Engine":
    """The engine for the chosen model; a wrong name or folder is refused here."""
    from devstral_ls.engine import open_engine  # noqa: PLC0415  for start-up

    return open_engine(chosen_bundle(settings), provider=settings.provider, n_threads=settings.n_threads)
