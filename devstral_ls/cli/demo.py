"""`devstral-ls demo`: the real server completes a small program while it is typed, in under ten seconds."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cli.choices import Model, Provider, Threads, chosen_bundle, settings_of
from devstral_ls.config import Settings
from devstral_ls.text import Edit

if TYPE_CHECKING:  # for start-up: `--help` starts no server and draws nothing
    from devstral_ls.cli.demo_buffer import Buffer, Reply
    from devstral_ls.cli.demo_project import Scene
    from devstral_ls.cli.demo_stage import Moment, Stage

EXIT_NOTHING_SHOWN = 1


@dataclass(frozen=True, slots=True)
class Server:
    """A model's name and the command that serves it."""

    model: str
    command: tuple[str, ...]


def demo(
    *,
    plain: Annotated[bool, typer.Option("--plain", help="Lines of text instead of a moving picture.")] = False,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Watch the language server complete a small program, with no editor and no network."""
    settings = settings_of(model=model, provider=provider, n_threads=threads)
    server = Server(_read_name(chosen_bundle(settings)), server_command(settings))
    moments = perform(_stage(is_plain=plain or not sys.stdout.isatty()), server)
    if not any(moment.reply.edit for moment in moments):
        raise typer.Exit(EXIT_NOTHING_SHOWN)


def server_command(settings: Settings) -> tuple[str, ...]:
    """How this very installation starts its server; it stays by itself, because it is soon over."""
    bundle = str(chosen_bundle(settings))
    options = ("--model", bundle, "--provider", settings.provider, "--threads", str(settings.n_threads))
    return (sys.executable, "-m", "devstral_ls", "serve", "--in-process", *options)


def _read_name(bundle: Path) -> str:
    from devstral_ls.engine.manifest import read_manifest  # noqa: PLC0415  for start-up

    return read_manifest(bundle).name


def _stage(*, is_plain: bool) -> "Stage":
    if is_plain:
        from devstral_ls.cli.demo_plain import PlainStage  # noqa: PLC0415  for start-up

        return PlainStage()
    from devstral_ls.cli.demo_terminal import TerminalStage  # noqa: PLC0415  for start-up

    return TerminalStage()


def perform(stage: "Stage", server: Server) -> list["Moment"]:
    """Start the server on the sample project and play all scenes."""
    from devstral_ls.cli.demo_project import SCENES  # noqa: PLC0415  for start-up

    with _open_buffer(stage, server) as buffer, stage:
        moments = [_play(scene, buffer, stage) for scene in SCENES]
        stage.finish(moments, buffer.document, buffer.offset)
    return moments


@contextmanager
def _open_buffer(stage: "Stage", server: Server) -> Iterator["Buffer"]:
    """The document that is being written, open in a server of its own whose model is loaded."""
    from devstral_ls.cli.demo_buffer import Buffer  # noqa: PLC0415  for start-up
    from devstral_ls.cli.demo_project import BEGINNING, END, WRITTEN, write_project  # noqa: PLC0415  for start-up
    from devstral_ls.cli.language_client import LanguageClient  # noqa: PLC0415  for start-up

    with tempfile.TemporaryDirectory(prefix="devstral-ls-demo-") as folder:
        root = Path(folder).resolve()
        write_project(root)
        start_s = time.perf_counter()
        with LanguageClient(server.command) as client:
            with stage.starting(server.model):
                client.initialize(root, {"eagerness": "eager"})
                buffer = Buffer(client, root / WRITTEN, BEGINNING + END, len(BEGINNING))
                buffer.ask()
            stage.ready(1e3 * (time.perf_counter() - start_s))
            yield buffer


def _play(scene: "Scene", buffer: "Buffer", stage: "Stage") -> "Moment":
    """Type, wait for the suggestion, show it; then take what is wanted of it, or write that."""
    from devstral_ls.cli.demo_stage import Moment  # noqa: PLC0415  for start-up

    for character in scene.typed:
        buffer.type(character)
        stage.typed(buffer.document, buffer.offset)
    reply = buffer.ask()
    moment = Moment(buffer.document, buffer.offset, reply, is_accepted=_is_wanted(scene, reply))
    stage.suggested(moment)
    if reply.edit is not None and moment.is_accepted:
        buffer.apply(Edit(reply.edit.span, scene.wanted))
    else:
        for character in scene.wanted:
            buffer.type(character)
            stage.typed(buffer.document, buffer.offset)
    stage.settled(moment)
    return moment


def _is_wanted(scene: "Scene", reply: "Reply") -> bool:
    """Whether the suggestion begins with what the author is about to write; the rest of it is not taken."""
    return reply.edit is not None and reply.edit.new_text.startswith(scene.wanted)
