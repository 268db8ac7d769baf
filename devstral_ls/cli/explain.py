"""`devstral-ls explain FILE:LINE:COL`: what stands there, what is wrong with it, and whether a fix is proven."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.asking import ask, errand_about
from devstral_ls.cli.checking import Workbench
from devstral_ls.cli.files import Spot, read_document
from devstral_ls.errors import UsageError
from devstral_ls.text import Place

EXIT_SILENT = 1


def explain(
    spot: Annotated[str, typer.Argument(metavar="FILE:LINE:COL", help="Where to look, counted from 1.")],
    *,
    remote: Annotated[bool, typer.Option("--remote", help="Ask the remote model that you chose, too.")] = False,
) -> None:
    """Say what stands at a position: signature, documentation, place, and what the checkers say about it.

    With --remote, what a bigger model elsewhere says about it follows, if you chose one and allowed the project.
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
    if found is None and not remote:
        print("nothing to explain there", file=sys.stderr)
        raise typer.Exit(EXIT_SILENT)
    for line in hover.as_lines(found) if found else ():
        print(line)
    if remote:
        print(_explained_elsewhere(parsed.path, place))


def _explained_elsewhere(path: Path, place: Place) -> str:
    from devstral_ls.features import errands  # noqa: PLC0415  for start-up

    errand = errand_about(path, place.document)
    parcel = errands.parcel_for_explanation(errand, place)
    if isinstance(parcel, str):
        raise UsageError(parcel)
    return errands.explanation_from(ask(errand, parcel), errand)
