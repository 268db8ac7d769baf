"""`devstral-ls serve`: the language server, on standard input and output."""

from typing import Annotated

import typer

from devstral_ls.cli.choices import Model, Provider, Threads, settings_of


def serve(
    *,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline/--online", help="Give up internet sockets at the start, for the server and all that it starts."
        ),
    ] = True,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Run the language server; editors start this."""
    from devstral_ls import server  # noqa: PLC0415  for start-up

    server.serve(settings_of(model=model, provider=provider, n_threads=threads), offline=offline)
