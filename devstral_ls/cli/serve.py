"""`devstral-ls serve`: the language server, on standard input and output."""

from typing import Annotated

import typer

from devstral_ls.cli.choices import Model, Provider, Threads, settings_of


def serve(
    *,
    offline: Annotated[
        bool | None,
        typer.Option(
            "--offline/--online",
            help="Whether to give up internet sockets, for the server and all that it starts. Without either, only"
            " a remote server that you chose is kept within reach, by a process apart.",
        ),
    ] = None,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Run the language server; editors start this."""
    from devstral_ls import server  # noqa: PLC0415  for start-up

    networks = {None: server.Network.COURIER, True: server.Network.NONE, False: server.Network.ANY}
    server.serve(settings_of(model=model, provider=provider, n_threads=threads), network=networks[offline])
