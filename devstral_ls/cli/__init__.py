"""The command line: the same features as the editors get, from a terminal."""

import sys


def main() -> None:
    """Run `devstral-ls` with the arguments of this process."""
    from devstral_ls.cli.app import run  # noqa: PLC0415  the server may be started without a terminal's needs

    raise SystemExit(run(sys.argv[1:]))
