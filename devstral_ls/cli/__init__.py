"""The command line: the same features as the editors get, from a terminal."""

import sys

EXIT_INTERRUPTED = 130


# How editors start the server, while somebody waits: the terminal's library takes longer to load than the server.
_OPTIONS_OF_EDITORS = frozenset({"--shared", "--in-process", "--offline"})


def main() -> None:
    """Run `devstral-ls` with the arguments of this process."""
    command, options = sys.argv[1:2], sys.argv[2:]
    if command == ["serve"] and len(options) <= 1 and _OPTIONS_OF_EDITORS.issuperset(options):
        try:
            _serve(options)
        except KeyboardInterrupt:  # somebody started it in a terminal
            raise SystemExit(EXIT_INTERRUPTED) from None
    from devstral_ls.cli.app import run  # noqa: PLC0415  as above

    raise SystemExit(run(sys.argv[1:]))


def _serve(options: list[str]) -> None:
    from devstral_ls.config import Settings  # noqa: PLC0415  as above
    from devstral_ls.server import Network, serve  # noqa: PLC0415  as above

    serve(
        Settings(share_engine="--shared" in options),
        network=Network.NONE if "--offline" in options else Network.COURIER,
    )
