"""The command line: the same features as the editors get, from a terminal."""

import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run `devstral-ls` with the arguments of this process."""
    if sys.argv[1:] == ["serve"]:
        # As every editor starts it, while somebody waits: the terminal's library takes longer to load than the server.
        from devstral_ls.server import serve  # noqa: PLC0415  as above

        try:
            serve()
        except KeyboardInterrupt:  # somebody started it in a terminal
            raise SystemExit(EXIT_INTERRUPTED) from None
    from devstral_ls.cli.app import run  # noqa: PLC0415  as above

    raise SystemExit(run(sys.argv[1:]))
