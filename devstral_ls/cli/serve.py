"""`devstral-ls serve`: the language server, on standard input and output."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from devstral_ls.cli.choices import Model, Provider, Threads, open_chosen_engine, settings_of
from devstral_ls.config import Settings


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
    share: Annotated[
        bool,
        typer.Option(
            "--shared/--in-process", help="Share one engine with all editors, or load the model in this process."
        ),
    ] = False,
    openai: Annotated[
        str,
        typer.Option(metavar="127.0.0.1:PORT", help="Speak HTTP as OpenAI does instead of LSP, to this machine only."),
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the token of --openai here, instead of a new one that is printed."),
    ] = None,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Run the language server; editors start this."""
    settings = settings_of(model=model, provider=provider, n_threads=threads, share_engine=share)
    if openai:
        _serve_http(settings, openai, token_file, is_sealed=offline is not False)
        return
    from devstral_ls import server  # noqa: PLC0415  for start-up

    networks = {None: server.Network.COURIER, True: server.Network.NONE, False: server.Network.ANY}
    server.serve(settings, network=networks[offline])


def _serve_http(settings: Settings, address: str, token_file: Path | None, *, is_sealed: bool) -> None:
    """Listen first, then give up the network: what comes in is answered, and nothing goes out."""
    from devstral_ls.endpoint.listen import Endpoint, address_of, token_in  # noqa: PLC0415  for start-up
    from devstral_ls.offline import seal  # noqa: PLC0415  for start-up

    where, token = address_of(address), token_in(token_file)
    engine = open_chosen_engine(settings)
    try:
        with Endpoint(where, engine=engine, token=token) as endpoint:
            if is_sealed:
                seal()
            known = f"its token is in {token_file}" if token_file else f"its token is {token}"
            print(f"devstral-ls: {endpoint.model} answers on {endpoint.url} and {known}", file=sys.stderr, flush=True)
            endpoint.serve_forever()
    finally:
        engine.close()
