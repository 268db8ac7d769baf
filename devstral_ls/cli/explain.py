"""`devstral-ls explain FILE:LINE:COL`: what stands there, what is wrong with it, and whether a fix is proven."""

import sys
from typing import Annotated

import typer

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.checking import Workbench
from devstral_ls.cli.files import Spot, read_document

EXIT_SILENT = 1


def explain(
    spot: Annotated[str, typer.Argument(metavar="FILE:LINE:COL", help="Where to look, counted from 1.")],
) -> None:
    """Say what stands at a position: signature, documentation, place, and what the checkers say about it.

    The exit code is 0 when there is something to say, 1 when there is not and 2 for bad input.
    """
    from devstral_ls.features import hover  # noqa: PLC0415  for start-up
    from devstral_ls.features.verification import examine  # noqa: PLC0415  for start-up

    parsed = Spot.parse(spot)
    document = read_document(parsed.path)
    place = parsed.place_in(document)
    workbench = Workbench()
    try:
        tools = workbench.tools_for(parsed.path, document)
        problems = examine(document, tools.checkers).mistakes
        found = hover.explain(place, problems, tools, CancelToken())
    finally:
        workbench.close()
    if found is None:
        print("nothing to explain there", file=sys.stderr)
        raise typer.Exit(EXIT_SILENT)
    for line in hover.as_lines(found):
        print(line)
